// What help says, and how it is wrapped; the word that somebody meant.

#include "switch/control/commands/usage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "switch/control/commands/choose_command.h"
#include "switch/control/commands/nearest_word.h"
#include "switch/control/commands/reserved_names.h"

namespace tapswitch::usage_test {
namespace {

using testing::HasSubstr;
using testing::Not;

using Words = std::vector<std::string>;

std::string UsageOf(const Words& words, size_t columns = 100) {
  const auto usage = Usage(words, columns);
  return usage.ok() ? *usage : "?";
}

TEST(UsageTest, AllHasEachCommandInFull) {
  const std::string all = UsageOfAll(10'000);
  for (const Command& command : Commands()) {
    EXPECT_THAT(all, HasSubstr(std::string(command.usage)));
    EXPECT_THAT(all, HasSubstr(std::string(command.summary)));
  }
}

TEST(UsageTest, OneObjectIsAboutNoOther) {
  EXPECT_THAT(UsageOf({"port"}), HasSubstr("tapctl port add"));
  EXPECT_THAT(UsageOf({"port"}), HasSubstr("tapctl port show"));
  EXPECT_THAT(UsageOf({"port"}), Not(HasSubstr("tapctl link")));
}

TEST(UsageTest, OneVerbIsAboutNoOther) {
  EXPECT_THAT(UsageOf({"port", "add"}), HasSubstr("tapctl port add"));
  EXPECT_THAT(UsageOf({"port", "add"}), Not(HasSubstr("tapctl port del")));
  EXPECT_THAT(UsageOf({"port", "rm"}), HasSubstr("tapctl port del"));
  EXPECT_EQ(UsageOf({"port", "paint"}), "?");
  EXPECT_EQ(UsageOf({"paint"}), "?");
}

TEST(UsageTest, TheOverviewIsALineForEachObject) {
  std::istringstream lines(ListOfObjects(10'000));
  size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_THAT(line, HasSubstr(std::string(ObjectNames().at(count))));
  }
  EXPECT_EQ(count, ObjectNames().size());
}

TEST(UsageTest, NoLineIsLongerThanTheTerminal) {
  for (const size_t columns : {60, 80, 132}) {
    std::istringstream lines(ListOfObjects(columns) + UsageOfAll(columns));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), columns) << line;
  }
}

TEST(WrappedTest, KeepsWhatIsInBracketsTogether) {
  EXPECT_EQ(Wrapped("a b [c d] e", 0, 2, 8), "a b\n  [c d]\n  e\n");
  EXPECT_EQ(Wrapped("", 2, 2, 8), "  \n");
  EXPECT_EQ(Wrapped("longer_than_that x", 0, 1, 5), "longer_than_that\n x\n");
}

TEST(NearestWordTest, FindsWhatWasMistyped) {
  constexpr std::array<std::string_view, 4> kWords{"port", "show", "isolated", "on"};
  EXPECT_EQ(NearestWord("prot", kWords), "port");
  EXPECT_EQ(NearestWord("shw", kWords), "show");
  EXPECT_EQ(NearestWord("isolatd", kWords), "isolated");
  EXPECT_EQ(NearestWord("iosolatde", kWords), "isolated");
  EXPECT_EQ(NearestWord("", kWords), std::nullopt);
  EXPECT_EQ(NearestWord("x", kWords), std::nullopt);
  EXPECT_EQ(NearestWord("paint", kWords), std::nullopt);
  EXPECT_EQ(NearestWord(std::string(10'000, 'p'), kWords), std::nullopt);
}

TEST(AlternativesTest, AreJoinedAsInASentence) {
  EXPECT_EQ(Alternatives(std::array<std::string_view, 1>{"a"}), "a");
  EXPECT_EQ(Alternatives(std::array<std::string_view, 2>{"a", "b"}), "a or b");
  EXPECT_EQ(Alternatives(std::array<std::string_view, 3>{"a", "b", "c"}), "a, b or c");
}

TEST(ReservedNamesTest, AreWordsOfTheCommandLine) {
  for (const char* name : {"on", "off", "true", "false", "help", "all", "default"}) {
    EXPECT_FALSE(CheckPortName(name).ok()) << name;
  }
  for (const char* name :
       {"vnet0", "eth0", "one", "O", "host0", "lo", "port", "isolated", "dev", "show"}) {
    EXPECT_TRUE(CheckPortName(name).ok()) << name;
  }
}

}  // namespace
}  // namespace tapswitch::usage_test
