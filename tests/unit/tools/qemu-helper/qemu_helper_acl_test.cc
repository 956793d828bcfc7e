// Which bridge may be used by whom, and whose word counts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temporary_directory.h"
#include "tools/qemu-helper/acl.h"
#include "tools/qemu-helper/acl_file.h"

namespace tapswitch::qemu_helper_acl_test {
namespace {

using ::testing::HasSubstr;

bool Allows(std::string_view text, std::string_view bridge) {
  const auto statements = ParseAcl(text);
  EXPECT_TRUE(statements.ok()) << statements.status();
  return statements.ok() && Permits(*statements, bridge);
}

TEST(AclTest, DeniesWhatNothingAllows) {
  EXPECT_FALSE(Allows("", "br0"));
  EXPECT_FALSE(Allows("# allow br0\n\n   \n", "br0"));
  EXPECT_FALSE(Allows("allow br1", "br0"));
  EXPECT_FALSE(Allows("allow br", "br0"));
}

TEST(AclTest, AllowsWhatIsNamed) {
  EXPECT_TRUE(Allows("allow br0", "br0"));
  EXPECT_TRUE(Allows("  allow\t br0 \r\n", "br0"));
  EXPECT_TRUE(Allows("allow all", "br0"));
}

TEST(AclTest, DenyWinsWhereverItStands) {
  EXPECT_FALSE(Allows("deny br0\nallow all\n", "br0"));
  EXPECT_FALSE(Allows("allow br0\ndeny all\n", "br0"));
  EXPECT_TRUE(Allows("deny br1\nallow all\n", "br0"));
}

TEST(AclTest, WhatIsNotUnderstoodIsAnError) {
  for (const std::string_view text :
       {"allow", "permit br0", "allow\n", "Allow br0", "include x", "include", "# fine\ndenybr0"}) {
    const auto statements = ParseAcl(text);
    EXPECT_FALSE(statements.ok()) << text;
    EXPECT_THAT(std::string(statements.status().message()), HasSubstr("line")) << text;
  }
  EXPECT_FALSE(ParseAcl(std::string_view("allow br0\0x", 11)).ok()) << "NUL";
}

class AclFileTest : public testing::Test {
 protected:
  void SetUp() override { umask(022); }

  std::string Write(const std::string& name, const std::string& text, mode_t mode = 0644) {
    std::string path = folder_.Path(name);
    std::ofstream(path) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  // "allowed", "denied", or why the list is worthless.
  static std::string Verdict(const std::string& path, uid_t owner = geteuid()) {
    const auto statements = ReadAclFile(path, owner);
    if (!statements.ok()) return std::string(statements.status().message());
    return Permits(*statements, "br0") ? "allowed" : "denied";
  }

  TemporaryDirectory folder_;
};

TEST_F(AclFileTest, IncludesOthers) {
  const std::string other = Write("other", "allow br0\n");
  EXPECT_EQ(Verdict(Write("main", "include " + other + "\n")), "allowed");
  EXPECT_EQ(Verdict(Write("main", "include " + other + "\ndeny br0\n")), "denied");
}

TEST_F(AclFileTest, AnIncludedFileThatIsNotThereCountsForNothing) {
  EXPECT_EQ(Verdict(Write("main", "allow br0\ninclude " + folder_.Path("none") + "\n")), "allowed");
}

TEST_F(AclFileTest, TheListItselfHasToBeThere) {
  EXPECT_THAT(Verdict(folder_.Path("none")), HasSubstr("No such file"));
}

TEST_F(AclFileTest, OnlyItsOwnerMayHaveWrittenIt) {
  EXPECT_THAT(Verdict(Write("main", "allow all\n", 0664)), HasSubstr("chmod go-w"));
  EXPECT_THAT(Verdict(Write("main", "allow all\n", 0646)), HasSubstr("chmod go-w"));
  EXPECT_THAT(Verdict(Write("main", "allow all\n"), geteuid() + 1), HasSubstr("chown root"));
}

TEST_F(AclFileTest, TheSameHoldsForWhatItIncludes) {
  const std::string other = Write("other", "allow br0\n", 0666);
  EXPECT_THAT(Verdict(Write("main", "allow all\ninclude " + other + "\n")),
              HasSubstr("chmod go-w"));
  EXPECT_THAT(Verdict(Write("main", "allow all\ninclude " + Write("bad", "nonsense\n") + "\n")),
              HasSubstr("bad: line 1"));
}

TEST_F(AclFileTest, FollowsNoSymbolicLink) {
  std::filesystem::create_symlink(Write("real", "allow br0\n"), folder_.Path("link"));
  EXPECT_THAT(Verdict(folder_.Path("link")), HasSubstr("symbolic link"));
  EXPECT_THAT(Verdict(Write("main", "include " + folder_.Path("link") + "\n")),
              HasSubstr("symbolic link"));
}

TEST_F(AclFileTest, WaitsForNobody) {
  ASSERT_EQ(mkfifo(folder_.Path("fifo").c_str(), 0600), 0);
  EXPECT_THAT(Verdict(folder_.Path("fifo")), HasSubstr("regular file"));
  EXPECT_THAT(Verdict(folder_.Path("")), HasSubstr("regular file"));
}

TEST_F(AclFileTest, FilesThatIncludeEachOtherEnd) {
  const std::string path = folder_.Path("main");
  EXPECT_THAT(Verdict(Write("main", "allow br0\ninclude " + path + "\n")),
              HasSubstr("include each other"));
  // Wide and deep: 8 levels of 10 would be a hundred million.
  std::string ten;
  for (int i = 0; i < 10; ++i) ten += "include " + path + "\n";
  EXPECT_THAT(Verdict(Write("main", ten)), HasSubstr("include each other"));
}

TEST_F(AclFileTest, HasALimit) {
  EXPECT_THAT(Verdict(Write("main", std::string(100'000, '#'))), HasSubstr("64 KiB"));
}

}  // namespace
}  // namespace tapswitch::qemu_helper_acl_test
