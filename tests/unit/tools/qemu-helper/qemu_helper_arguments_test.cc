#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tools/qemu-helper/arguments.h"

namespace tapswitch::qemu_helper_arguments_test {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<HelperArguments> Parse(const std::vector<std::string_view>& words) {
  return ParseHelperArguments(words);
}

std::string ErrorOf(const std::vector<std::string_view>& words) {
  return std::string(Parse(words).status().message());
}

TEST(HelperArgumentsTest, AreThoseThatQemuGives) {
  const auto arguments = Parse({"--use-vnet", "--fd=23", "--br=br0"});
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_TRUE(arguments->use_vnet);
  EXPECT_EQ(arguments->fd, 23);
  EXPECT_EQ(arguments->bridge, "br0");
}

TEST(HelperArgumentsTest, ValuesMayFollowAsWordsOfTheirOwn) {
  const auto arguments = Parse({"--fd", "3", "--br", "lan"});
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_FALSE(arguments->use_vnet);
  EXPECT_EQ(arguments->fd, 3);
  EXPECT_EQ(arguments->bridge, "lan");
}

TEST(HelperArgumentsTest, HelpNeedsNothingElse) {
  EXPECT_TRUE(Parse({"--help"})->help);
  EXPECT_TRUE(Parse({"--version"})->version);
}

TEST(HelperArgumentsTest, ABridgeIsNoPath) {
  for (const std::string_view name :
       {"", ".", "..", "../br0", "a/b", "a b", "a:b", "a\tb", "a\nb", "0123456789012345"}) {
    EXPECT_THAT(ErrorOf({"--fd=3", "--br", name}), HasSubstr("--br")) << name;
  }
  EXPECT_THAT(ErrorOf({"--fd=3"}), HasSubstr("--br"));
}

TEST(HelperArgumentsTest, ADescriptorIsANumber) {
  for (const std::string_view fd : {"", "-1", "3x", " 3", "0x3", "99999999999"}) {
    EXPECT_THAT(ErrorOf({"--br=br0", "--fd", fd}), HasSubstr("--fd")) << fd;
  }
  EXPECT_THAT(ErrorOf({"--br=br0"}), HasSubstr("--fd"));
}

TEST(HelperArgumentsTest, WhatIsUnknownIsRefused) {
  for (const std::string_view word :
       {"--isolated=off", "br0", "", "--use-vnet=1", "--help=", "-h", "--", "--acl=/tmp/x"}) {
    EXPECT_FALSE(Parse({"--br=br0", "--fd=3", word}).ok()) << word;
  }
  EXPECT_THAT(ErrorOf({"--br=br0", "--fd"}), HasSubstr("needs a value"));
}

}  // namespace
}  // namespace tapswitch::qemu_helper_arguments_test
