// The options of a vhost port.

#include "ports/vhost_user/vhost_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tapswitch::vhost_options_test {
namespace {

using testing::HasSubstr;

VhostOptions Parse(std::string_view text) {
  const auto options = ParseVhostOptions(ParsePortSpec(text).value());
  EXPECT_TRUE(options.ok()) << options.status();
  return options.value_or(VhostOptions{});
}

std::string ErrorOf(std::string_view text) {
  const absl::Status status = ParseVhostOptions(ParsePortSpec(text).value()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << text << ": " << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("'vm1'"));
  return std::string(status.message());
}

TEST(VhostOptionsTest, TheSwitchListensUnlessItIsToldOtherwise) {
  const VhostOptions options = Parse("vhost:vm1,path=/run/vm1");
  EXPECT_EQ(options.name, "vm1");
  EXPECT_EQ(options.path, "/run/vm1");
  EXPECT_EQ(options.mode, VhostOptions::Mode::kServer);
  EXPECT_EQ(options.queues, 0U);
  EXPECT_EQ(options.mtu, 1500U);
  EXPECT_EQ(options.mode_bits, 0600U);
  EXPECT_EQ(Parse("vhost:vm1,path=/run/vm1,mode=client").mode, VhostOptions::Mode::kClient);
}

TEST(VhostOptionsTest, AllKeysAreRead) {
  const VhostOptions options =
      Parse("vhost:vm1,path=/run/vm1,mode=server,queues=4,mtu=9000,perm=0660,user=root,group=root");
  EXPECT_EQ(options.queues, 4U);
  EXPECT_EQ(options.mtu, 9000U);
  EXPECT_EQ(options.mode_bits, 0660U);
  EXPECT_EQ(options.user, 0U);
  EXPECT_EQ(options.group, 0U);
}

TEST(VhostOptionsTest, ErrorsSayWhatWouldBeRight) {
  EXPECT_THAT(ErrorOf("vhost:vm1"), HasSubstr("path="));
  EXPECT_THAT(ErrorOf("vhost:vm1,path=vm1"), HasSubstr("beginning with '/'"));
  EXPECT_THAT(ErrorOf("vhost:vm1,path=/a,mode=listen"), HasSubstr("server"));
  EXPECT_THAT(ErrorOf("vhost:vm1,path=/a,queues=0"), HasSubstr("queues=0"));
  EXPECT_THAT(ErrorOf("vhost:vm1,path=/a,queues=65"), HasSubstr("64"));
  EXPECT_THAT(ErrorOf("vhost:vm1,path=/a,mtu=20"), HasSubstr("mtu=20"));
  EXPECT_THAT(ErrorOf("vhost:vm1,path=/a,mode=client,perm=0660"), HasSubstr("leave them out"));
  EXPECT_THAT(ErrorOf("vhost:vm1,path=/a,offload=on"), HasSubstr("offload"));
}

}  // namespace
}  // namespace tapswitch::vhost_options_test
