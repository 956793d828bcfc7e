// What becomes of a bridge of the kernel: commands, and what is not kept.

#include "switch/control/adopt/adoption_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "switch/control/commands/parse_command.h"
#include "switch/control/commands/quoting.h"

namespace tapswitch::adoption_plan_test {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr MacAddress kBridgeMac = MacAddress::FromNumber(0x020000000001);
constexpr MacAddress kPortMac = MacAddress::FromNumber(0x020000000002);
constexpr MacAddress kStation = MacAddress::FromNumber(0x020000000003);

LinuxBridge Bridge() {
  return {.name = "br0",
          .ifindex = 7,
          .address = kBridgeMac,
          .mtu = 1500,
          .settings = {{"ageing_time", 30000},
                       {"vlan_filtering", 1},
                       {"vlan_default_pvid", 1},
                       {"vlan_protocol", 0x8100},
                       {"group_fwd_mask", 0x4000}},
          .vlans = {{.vid = 1, .pvid = true, .untagged = true}},
          .ports = {{.name = "p1",
                     .ifindex = 8,
                     .address = kPortMac,
                     .carrier = true,
                     .settings = {{"state", 3}, {"learning", 1}, {"priority", 32}, {"cost", 2}},
                     .vlans = {{.vid = 1, .pvid = true, .untagged = true},
                               {.vid = 10},
                               {.vid = 11},
                               {.vid = 12, .untagged = true}}}},
          .entries = {}};
}

AdoptionPlan PlanOf(const LinuxBridge& bridge) { return PlanAdoption(bridge, "br0-tap"); }

TEST(AdoptionPlanTest, EachCommandIsOneOfTapctl) {
  LinuxBridge bridge = Bridge();
  bridge.entries = {{.address = kStation, .port = "p1", .vlan = 1, .sticky = true},
                    {.address = kStation, .port = "p1", .state = LinuxEntryState::kStatic}};
  for (const std::string& command : PlanOf(bridge).commands) {
    const auto words = SplitLine(command);
    ASSERT_TRUE(words.ok()) << command;
    const auto request = ParseCommand(*words);
    EXPECT_TRUE(request.ok()) << command << ": " << request.status();
  }
}

TEST(AdoptionPlanTest, ABridgeBecomesSettingsATapAndPorts) {
  EXPECT_THAT(
      PlanOf(Bridge()).commands,
      ElementsAre("bridge set ageing_time 300000ms vlan_filtering on vlan_protocol 802.1Q "
                  "default_pvid 1 group_fwd_mask 0x4000 fdb_max_learned 0",
                  "port add tap:br0-tap,persist,up=off,mtu=1500 description 'this host, by br0' "
                  "vlan 1 pvid untagged",
                  "port add netdev:p1 priority 32 vlan 1 pvid untagged vlan 10-11 vlan 12 "
                  "untagged",
                  "fdb replace 02:00:00:00:00:01 dev br0-tap static"));
}

TEST(AdoptionPlanTest, FlagsThatDifferFromThoseOfANewPortAreSaid) {
  LinuxBridge bridge = Bridge();
  bridge.ports[0].settings = {{"learning", 0}, {"flood", 0}, {"isolated", 1}, {"state", 0}};
  EXPECT_THAT(
      PlanOf(bridge).commands,
      Contains(HasSubstr("netdev:p1 learning off flood off isolated on priority 32 state 0")));
  bridge.ports[0].carrier = false;  // then the kernel has disabled it
  EXPECT_THAT(PlanOf(bridge).commands, Each(Not(HasSubstr("state"))));
}

TEST(AdoptionPlanTest, ABridgeWithoutVlansGivesNone) {
  LinuxBridge bridge = Bridge();
  bridge.settings.erase("vlan_default_pvid");
  bridge.vlans.clear();
  bridge.ports[0].vlans.clear();
  EXPECT_THAT(PlanOf(bridge).commands, Not(Contains(HasSubstr("vlan none"))));
}

TEST(AdoptionPlanTest, EntriesThatDoNotAgeAreKeptAndThoseOfTheHostAreBehindTheTap) {
  LinuxBridge bridge = Bridge();
  bridge.entries = {
      {.address = kPortMac, .port = "p1", .state = LinuxEntryState::kPermanent},  // its own
      {.address = kStation, .port = "p1"},                                        // learned
      {.address = kStation, .port = "p1", .vlan = 10, .state = LinuxEntryState::kStatic},
      {.address = kStation, .port = "br0", .vlan = 1, .state = LinuxEntryState::kPermanent}};
  const auto commands = PlanOf(bridge).commands;
  EXPECT_THAT(commands, Contains("fdb replace 02:00:00:00:00:03 dev p1 vlan 10 static"));
  EXPECT_THAT(commands, Contains("fdb replace 02:00:00:00:00:03 dev br0-tap vlan 1 static"));
  EXPECT_THAT(commands, Not(Contains(HasSubstr("02:00:00:00:00:02"))));
  EXPECT_EQ(commands.size(), 6U);
}

TEST(AdoptionPlanTest, WhatTheSwitchDoesNotHaveIsToldALineEach) {
  LinuxBridge bridge = Bridge();
  EXPECT_THAT(PlanOf(bridge).lost, IsEmpty());
  bridge.settings["mcast_snooping"] = 1;
  bridge.groups.resize(3);
  bridge.settings["nf_call_iptables"] = 1;
  bridge.ports[0].settings["proxy_arp"] = 1;
  bridge.rule_tables = {"filter", "nat"};
  EXPECT_THAT(PlanOf(bridge).lost,
              ElementsAre(HasSubstr("of 3 known groups"), HasSubstr("nf_call_iptables"),
                          HasSubstr("(filter, nat)"), HasSubstr("p1 proxy_arp")));
}

TEST(AdoptionPlanTest, WhatWouldBreakTheNetworkIsRefusedWithTheCure) {
  LinuxBridge bridge = Bridge();
  EXPECT_THAT(PlanOf(bridge).refused, IsEmpty());
  bridge.settings["stp_state"] = 1;
  bridge.ports[0].settings["vlan_tunnel"] = 1;
  EXPECT_THAT(PlanOf(bridge).refused,
              ElementsAre(HasSubstr("ip link set dev br0 type bridge stp_state 0"),
                          HasSubstr("ip link set dev p1 nomaster")));
}

TEST(AdoptionPlanTest, TheTapHasANameThatTheKernelTakes) {
  EXPECT_EQ(UplinkName("br0"), "br0-tap");
  EXPECT_EQ(UplinkName("abcdefghijklmno"), "abcdefghijk-tap");
}

}  // namespace
}  // namespace tapswitch::adoption_plan_test
