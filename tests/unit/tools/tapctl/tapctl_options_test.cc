// The options in front of a command.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tools/tapctl/options.h"

namespace tapswitch::tapctl_options_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;

struct Taken {
  absl::StatusOr<Options> options;
  std::vector<std::string> rest;
};

Taken Take(const std::vector<std::string>& words) {
  std::span<const std::string> rest = words;
  auto options = TakeOptions(rest);
  return {std::move(options), {rest.begin(), rest.end()}};
}

TEST(TapctlOptionsTest, WithoutOptionsAllIsTheCommand) {
  const Taken taken = Take({"fdb", "show"});
  ASSERT_TRUE(taken.options.ok());
  EXPECT_THAT(taken.rest, ElementsAre("fdb", "show"));
  EXPECT_FALSE(taken.options->output.json);
  EXPECT_FALSE(taken.options->force);
  EXPECT_EQ(taken.options->bridge, std::nullopt);
  EXPECT_EQ(taken.options->batch_file, std::nullopt);
}

struct FlagCase {
  std::vector<std::string> spellings;
  bool (*is_set)(const Options&);
};

const std::vector<FlagCase>& Flags() {
  static const std::vector<FlagCase> flags{
      {{"-j", "-js", "-json", "--json"}, [](const Options& o) { return o.output.json; }},
      {{"-p", "-pretty", "--pretty"}, [](const Options& o) { return o.output.pretty; }},
      {{"-s", "-stats", "-statistics", "--stats"},
       [](const Options& o) { return o.output.statistics; }},
      {{"-d", "-details", "--det"}, [](const Options& o) { return o.output.details; }},
      {{"-t", "-timestamp"}, [](const Options& o) { return o.output.timestamps; }},
      {{"-f", "-force"}, [](const Options& o) { return o.force; }},
      // As in ip(8): -h is -human.
      {{"-he", "-help", "--help"}, [](const Options& o) { return o.help; }},
      {{"-h", "-hu", "-human"}, [](const Options& o) { return o.output.human; }},
      {{"-br", "-brief"}, [](const Options& o) { return o.output.brief; }},
      {{"-o", "-oneline"}, [](const Options& o) { return o.output.one_line; }},
      {{"-c", "-color", "-colour", "-color=always"},
       [](const Options& o) { return o.output.colour; }},
      {{"-V", "-v", "-Version", "--version"}, [](const Options& o) { return o.version; }},
  };
  return flags;
}

TEST(TapctlOptionsTest, EachFlagSetsItselfAndNoOther) {
  for (size_t wanted = 0; wanted < Flags().size(); ++wanted) {
    for (const std::string& spelling : Flags()[wanted].spellings) {
      const Taken taken = Take({spelling, "link"});
      ASSERT_TRUE(taken.options.ok()) << spelling;
      EXPECT_THAT(taken.rest, ElementsAre("link"));
      for (size_t i = 0; i < Flags().size(); ++i) {
        EXPECT_EQ(Flags()[i].is_set(*taken.options), i == wanted) << spelling << ' ' << i;
      }
    }
  }
}

TEST(TapctlOptionsTest, ValuesStandBehindTheirOptions) {
  for (const std::string spelling : {"-B", "-Bridge", "-brid", "--bridge"}) {
    const Taken taken = Take({spelling, "br1", "-j", "fdb"});
    ASSERT_TRUE(taken.options.ok()) << spelling;
    EXPECT_THAT(taken.options->bridge, Optional(std::string("br1")));
    EXPECT_TRUE(taken.options->output.json);
    EXPECT_THAT(taken.rest, ElementsAre("fdb"));
  }
  for (const std::string spelling : {"-b", "-batch", "--batch"}) {
    const Taken taken = Take({spelling, "-"});
    ASSERT_TRUE(taken.options.ok()) << spelling;
    EXPECT_THAT(taken.options->batch_file, Optional(std::string("-")));
    EXPECT_EQ(taken.options->bridge, std::nullopt);
    EXPECT_THAT(taken.rest, IsEmpty());
  }
}

TEST(TapctlOptionsTest, ShortTimesAreTimes) {
  const Taken taken = Take({"-ts", "monitor"});
  ASSERT_TRUE(taken.options.ok());
  EXPECT_TRUE(taken.options->output.timestamps);
  EXPECT_TRUE(taken.options->output.short_times);
}

TEST(TapctlOptionsTest, ColourIsForThoseWhoWantIt) {
  EXPECT_FALSE(Take({"-c=never", "show"}).options->output.colour);
  EXPECT_FALSE(Take({"-color=auto", "show"}).options->output.colour) << "no terminal";
  EXPECT_TRUE(absl::IsInvalidArgument(Take({"-color=green", "show"}).options.status()));
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(Take({"-c", "show"}).options->output.colour);
  unsetenv("NO_COLOR");
}

TEST(TapctlOptionsTest, OptionsEndWhereTheCommandBegins) {
  EXPECT_THAT(Take({"-j", "fdb", "-s"}).rest, ElementsAre("fdb", "-s"));
  EXPECT_THAT(Take({"-j", "--", "-s"}).rest, ElementsAre("-s"));
  EXPECT_THAT(Take({"-"}).rest, ElementsAre("-"));
}

TEST(TapctlOptionsTest, WhatIsWrongIsNamed) {
  const auto message = [](const std::vector<std::string>& words) {
    const Taken taken = Take(words);
    EXPECT_EQ(taken.options.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(taken.options.status().message());
  };
  EXPECT_THAT(message({"-x"}), HasSubstr("'-x' is unknown"));
  EXPECT_THAT(message({"-jsonx"}), HasSubstr("'-jsonx' is unknown"));
  EXPECT_THAT(message({"---json"}), HasSubstr("unknown"));
  EXPECT_THAT(message({"-js", "-js=1"}), HasSubstr("'-js=1' is unknown"));
  EXPECT_THAT(message({"-B"}), HasSubstr("'-B' needs a value"));
  EXPECT_THAT(message({"-j", "-batch"}), HasSubstr("'-batch' needs a value"));
}

}  // namespace
}  // namespace tapswitch::tapctl_options_test
