// Which mirrors can be, and what becomes of them when ports go.

#include "switch/control/config/mirror_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switch/control/commands/parse_command.h"

namespace tapswitch::mirror_config_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

MirrorConfig Mirror(std::string name, std::vector<std::string> ports, std::string to) {
  return {.name = std::move(name), .ports = std::move(ports), .destination = std::move(to)};
}

TEST(MirrorConfigTest, SourcesAndDestinationsAreDifferentPorts) {
  const std::vector<MirrorConfig> mirrors{Mirror("m1", {"a", "b"}, "x")};
  EXPECT_TRUE(CheckMirror(mirrors, Mirror("m2", {"a"}, "y")).ok());
  EXPECT_TRUE(CheckMirror(mirrors, Mirror("m2", {"c"}, "x")).ok());
  EXPECT_FALSE(CheckMirror(mirrors, Mirror("m2", {"y"}, "y")).ok()) << "itself";
  EXPECT_FALSE(CheckMirror(mirrors, Mirror("m2", {"x"}, "y")).ok()) << "a copy of copies";
  EXPECT_FALSE(CheckMirror(mirrors, Mirror("m2", {"y"}, "a")).ok()) << "copies into a source";
}

TEST(MirrorConfigTest, ItHasANameOfItsOwnAndASource) {
  EXPECT_THAT(
      std::string(CheckMirror({Mirror("m", {"a"}, "x")}, Mirror("m", {"b"}, "x")).message()),
      HasSubstr("tapctl mirror del m"));
  EXPECT_TRUE(absl::IsInvalidArgument(CheckMirror({}, Mirror("m", {}, "x"))));
  MirrorConfig vlans = Mirror("m", {}, "x");
  vlans.vlans.insert(VlanId{7});
  EXPECT_TRUE(CheckMirror({}, vlans).ok());
}

TEST(MirrorConfigTest, ThereAreNotTooMany) {
  std::vector<MirrorConfig> mirrors;
  for (size_t i = 0; i < kMaxMirrors; ++i) {
    mirrors.push_back(Mirror("m" + std::to_string(i), {"a"}, "x"));
  }
  EXPECT_TRUE(absl::IsResourceExhausted(CheckMirror(mirrors, Mirror("one more", {"a"}, "x"))));
}

TEST(MirrorConfigTest, WhatRefersToAPortThatGoesEndsWithIt) {
  MirrorConfig vlans = Mirror("m3", {"a"}, "y");
  vlans.vlans.insert(VlanId{7});
  std::vector<MirrorConfig> mirrors{Mirror("m1", {"a"}, "x"), Mirror("m2", {"a", "b"}, "x"), vlans};
  ForgetPort("a", mirrors);
  vlans.ports.clear();
  EXPECT_THAT(mirrors, ElementsAre(Mirror("m2", {"b"}, "x"), vlans));
  ForgetPort("x", mirrors);
  ForgetPort("y", mirrors);
  EXPECT_THAT(mirrors, IsEmpty());
}

TEST(MirrorConfigTest, ItsWordsSayItAgain) {
  MirrorConfig mirror = Mirror("m1", {"a", "b"}, "x");
  for (const VlanId vlan : {VlanId{5}, VlanId{10}, VlanId{11}, VlanId{12}}) {
    mirror.vlans.insert(vlan);
  }
  mirror.egress = false;
  EXPECT_EQ(MirrorWords(mirror), "m1 from dev a dev b vlan 5 vlan 10-12 ingress to x");
  const auto request = ParseCommand(SplitLine("mirror add " + MirrorWords(mirror)).value());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->params, nlohmann::json::parse(R"({"name": "m1", "dev": ["a", "b"],
      "vlan": ["5", "10-12"], "direction": "ingress", "to": "x"})"));
}

}  // namespace
}  // namespace tapswitch::mirror_config_test
