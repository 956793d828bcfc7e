// Which ports reach which others, by their state and settings.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "switch/control/config/guard_settings.h"
#include "switch/control/methods/observe/reach.h"

namespace tapswitch::reach_judgement_test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class ReachJudgementTest : public testing::Test {
 protected:
  ReachJudgementTest() {
    for (const char* name : {"a", "b"}) {
      config_.ports.push_back({.spec = {.type = "tap", .name = name}});
      config_.ports.back().settings.vlans = OnlyPvid(VlanId{1});
      PortSnapshot port{};
      port.name = name;
      port.status.link_up = true;
      port.state = PortState::kForwarding;
      snapshot_.ports.push_back(port);
    }
  }

  PortSettings& a() { return config_.ports[0].settings; }
  PortSettings& b() { return config_.ports[1].settings; }

  // From a to b.
  [[nodiscard]] Reach Judge() const { return JudgeReach(config_, snapshot_).front(); }

  BridgeConfig config_;
  SwitchSnapshot snapshot_;
};

TEST_F(ReachJudgementTest, OpenPortsReachEachOther) {
  EXPECT_THAT(JudgeReach(config_, snapshot_), testing::SizeIs(2));
  EXPECT_TRUE(Judge().reaches());
  EXPECT_THAT(Judge().limits, IsEmpty());
}

TEST_F(ReachJudgementTest, AClosedPortIsTheReasonWhicheverItIs) {
  snapshot_.ports[1].status = {.link_up = false, .reason = "interface is down"};
  EXPECT_EQ(Judge().obstacle, "b is down: interface is down");
  snapshot_.ports[0].state = PortState::kBlocking;
  EXPECT_EQ(Judge().obstacle, "a is blocking");
  snapshot_.ports.clear();
  EXPECT_EQ(Judge().obstacle, "a has no device");
}

TEST_F(ReachJudgementTest, OneOfTwoMayBeIsolatedAndNotBoth) {
  a().isolated = true;
  EXPECT_TRUE(Judge().reaches());
  b().isolated = true;
  EXPECT_EQ(Judge().obstacle, "both are isolated");
}

TEST_F(ReachJudgementTest, TheDestinationOfAMirrorHasNothingElse) {
  config_.mirrors.push_back({.name = "m", .ports = {"a"}, .vlans = {}, .destination = "b"});
  EXPECT_THAT(Judge().obstacle, HasSubstr("mirror m"));
}

TEST_F(ReachJudgementTest, VlansCountWhereTheyAreFiltered) {
  b().vlans = OnlyPvid(VlanId{2});
  EXPECT_TRUE(Judge().reaches());
  config_.bridge.forwarding.vlan_filtering = true;
  EXPECT_EQ(Judge().obstacle, "no VLAN in common");
  b().vlans.members.insert(VlanId{1});
  EXPECT_TRUE(Judge().reaches());
  EXPECT_TRUE(Judge().vlans.contains(VlanId{1}));
  EXPECT_FALSE(Judge().vlans.contains(VlanId{2}));
  b().vlans.exceptions.push_back({.vlan = VlanId{1}, .state = PortState::kBlocking});
  EXPECT_THAT(Judge().obstacle, HasSubstr("in which both are forwarding"));
}

TEST_F(ReachJudgementTest, WhatPassesInPartIsSaid) {
  a().locked = true;
  b().flood = false;
  EXPECT_TRUE(Judge().reaches());
  EXPECT_THAT(Judge().limits, Contains(HasSubstr("a is locked")));
  EXPECT_THAT(Judge().limits, Contains(HasSubstr("b has flood off")));
}

}  // namespace
}  // namespace tapswitch::reach_judgement_test
