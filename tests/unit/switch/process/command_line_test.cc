// What the words of the daemon's command line mean, and what is said of those that mean nothing.

#include "switch/process/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace tapswitch::command_line_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Words = std::vector<std::string>;

constexpr std::array kFlags{
    KnownFlag{"vlan_filtering", FlagKind::kSwitch}, KnownFlag{"check", FlagKind::kSwitch},
    KnownFlag{"workers", FlagKind::kNumber},        KnownFlag{"gro", FlagKind::kText},
    KnownFlag{"flagfile", FlagKind::kText},         KnownFlag{"helpshort", FlagKind::kSwitch},
};

CommandLine Read(const Words& words) {
  const auto line = ReadCommandLine(words, kFlags);
  EXPECT_TRUE(line.ok()) << line.status();
  return line.ok() ? *line : CommandLine{};
}

std::string ErrorOf(const Words& words) {
  const auto line = ReadCommandLine(words, kFlags);
  EXPECT_FALSE(line.ok()) << testing::PrintToString(words);
  return std::string(line.status().message());
}

TEST(CommandLineTest, SwitchesTakeOnAndOff) {
  for (const char* on : {"--check", "-check", "--check=on", "--check=true", "--check=1"}) {
    EXPECT_THAT(Read({on}).words, ElementsAre("--check=true")) << on;
  }
  for (const char* off : {"--nocheck", "--check=off", "--check=false", "--check=0"}) {
    EXPECT_THAT(Read({off}).words, ElementsAre("--check=false")) << off;
  }
}

TEST(CommandLineTest, ValuesMayBeWordsOfTheirOwn) {
  EXPECT_THAT(Read({"--gro", "off", "vnet0", "--workers=2", "--", "--x"}).words,
              ElementsAre("--gro=off", "vnet0", "--workers=2", "--", "--x"));
  EXPECT_THAT(Read({"--workers", "0x4"}).words, ElementsAre("--workers=0x4"));
  EXPECT_THAT(Read({}).words, IsEmpty());
}

TEST(CommandLineTest, QuestionsAreUnderstood) {
  for (const char* help : {"-h", "--help", "-help", "--helpfull", "--helpshort", "help"}) {
    EXPECT_TRUE(Read({help}).wants_help) << help;
  }
  for (const char* version : {"-V", "--version"}) {
    EXPECT_TRUE(Read({version}).wants_version) << version;
  }
  EXPECT_FALSE(Read({"vnet0"}).wants_help);
  EXPECT_FALSE(Read({"--gro", "help"}).wants_help);
}

TEST(CommandLineTest, MistakesAreAnsweredInOneSentence) {
  EXPECT_EQ(ErrorOf({"--workers=abc"}), "--workers=abc: expected a number");
  EXPECT_EQ(ErrorOf({"--workers=-1"}), "--workers=-1: expected a number");
  EXPECT_EQ(ErrorOf({"--workers="}), "--workers=: expected a number");
  EXPECT_EQ(ErrorOf({"--workers"}), "--workers: expected a value: write --workers=VALUE");
  EXPECT_EQ(ErrorOf({"--check=maybe"}), "--check=maybe: expected on or off");
  EXPECT_EQ(ErrorOf({"--vlan_filtering", "on"}), "'on' would be a port: say --vlan_filtering=on");
  EXPECT_EQ(ErrorOf({"--nogro"}), "--nogro: there is no such flag: say --gro=off");
  EXPECT_EQ(ErrorOf({"-wrokers=1"}), "-wrokers: there is no such flag: did you mean --workers?");
  EXPECT_EQ(ErrorOf({"--paint=green"}),
            "--paint: there is no such flag: tapswitchd --help lists them");
}

class FlagFileTest : public testing::Test {
 protected:
  std::string Write(const std::string& text) {
    std::ofstream(path()) << text;
    return "--flagfile=" + path();
  }
  [[nodiscard]] std::string path() const { return directory_.Path("flags"); }

  TemporaryDirectory directory_;
};

TEST_F(FlagFileTest, EachLineIsAFlag) {
  const std::string flag = Write("# comment\n\n  --vlan_filtering=on \n--workers=2\n");
  EXPECT_THAT(Read({flag, "vnet0"}).words,
              ElementsAre("--vlan_filtering=true", "--workers=2", "vnet0"));
}

TEST_F(FlagFileTest, AMistakeIsNamedWithItsLine) {
  EXPECT_EQ(ErrorOf({Write("--workers=2\n--workers=x\n")}),
            path() + ":2: --workers=x: expected a number");
  EXPECT_EQ(ErrorOf({Write("vnet0\n")}), path() + ":1: 'vnet0': expected --FLAG=VALUE");
  EXPECT_EQ(ErrorOf({"--flagfile=/nowhere"}), "--flagfile=/nowhere: No such file or directory");
  EXPECT_EQ(ErrorOf({"--flagfile=/"}),
            "--flagfile=/: it is a folder, and cannot be read: write a regular file");
}

TEST_F(FlagFileTest, OneThatNamesItselfEnds) {
  Write("--flagfile=" + path() + "\n");
  EXPECT_THAT(ErrorOf({"--flagfile=" + path()}), testing::HasSubstr("files name files"));
}

}  // namespace
}  // namespace tapswitch::command_line_test
