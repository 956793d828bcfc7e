// The options of a link port, and where the other end is looked for.

#include "ports/link/link_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tapswitch::link_options_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<LinkOptions> Parse(std::string_view text) {
  const auto spec = ParsePortSpec(text);
  EXPECT_TRUE(spec.ok()) << spec.status();
  return ParseLinkOptions(*spec);
}

std::string ErrorOf(std::string_view text) {
  const absl::Status status = Parse(text).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << text << ": " << status;
  std::string message(status.message());
  EXPECT_EQ(message.find('\n'), std::string::npos) << "an error is one line";
  EXPECT_THAT(message, HasSubstr("'up'"));
  return message;
}

TEST(LinkOptionsTest, WithoutToItWaits) {
  const auto options = Parse("link:up");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->to, std::nullopt);
  EXPECT_EQ(options->mtu, 65521U);
}

TEST(LinkOptionsTest, ToNamesASwitchAndAPort) {
  EXPECT_EQ(Parse("link:up,to=br1:trunk,mtu=9000")->to,
            (LinkTarget{.bridge = "br1", .port = "trunk"}));
  EXPECT_EQ(Parse("link:up,to=br1")->to, (LinkTarget{.bridge = "br1", .port = "up"}));
  EXPECT_EQ(Parse("link:up,to=/tmp/b.sock:trunk")->to,
            (LinkTarget{.bridge = "/tmp/b.sock", .port = "trunk"}));
  EXPECT_EQ(Parse("link:up,to=/tmp/a:b/c.sock")->to,
            (LinkTarget{.bridge = "/tmp/a:b/c.sock", .port = "up"}));
}

TEST(LinkOptionsTest, WhatIsWrongIsNamed) {
  for (const std::string_view bad : {"to", "to=", "to=:trunk", "to=a b:trunk", "to=br1:"}) {
    EXPECT_THAT(ErrorOf("link:up," + std::string(bad)), HasSubstr("to=SWITCH:PORT")) << bad;
  }
  EXPECT_THAT(ErrorOf("link:up,to=run/b.sock:trunk"), HasSubstr("full"));
  EXPECT_THAT(ErrorOf("link:up,to=/run/:trunk"), HasSubstr("folder"));
  EXPECT_THAT(ErrorOf("link:up,to=br1:a%b"), HasSubstr("no name of a port"));
  EXPECT_THAT(ErrorOf("link:up,to=br1:sixteen_letters_"), HasSubstr("no name of a port"));
  EXPECT_THAT(ErrorOf("link:up,to=/" + std::string(120, 'x')), HasSubstr("bytes"));
  EXPECT_THAT(ErrorOf("link:up,mtu=67"), HasSubstr("mtu=67"));
}

TEST(LinkOptionsTest, ASwitchIsLookedForByItsNameOrAtItsPath) {
  const LinkPlace own{.bridge = "br0", .control_socket = "/tmp/lab/br0.sock"};
  const auto by_name = LinkSocketPaths({.bridge = "br1", .port = "trunk"}, own);
  ASSERT_GE(by_name.size(), 2U);
  EXPECT_EQ(by_name.back(), "/tmp/lab/br1.sock:trunk");
  EXPECT_EQ(by_name[by_name.size() - 2], "/run/tapswitch/br1.sock:trunk");
  EXPECT_THAT(LinkSocketPaths({.bridge = "/tmp/b.sock", .port = "trunk"}, own),
              ElementsAre("/tmp/b.sock:trunk"));
}

}  // namespace
}  // namespace tapswitch::link_options_test
