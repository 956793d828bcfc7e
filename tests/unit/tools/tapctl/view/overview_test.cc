// What `show` and `-br port show` print.

#include "tools/tapctl/view/overview.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tapswitch::overview_test {
namespace {

using Json = nlohmann::ordered_json;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Json Port(const std::string& name, const Json& members = Json::object()) {
  Json port{{"ifname", name},
            {"type", "tap"},
            {"link", "up"},
            {"state", "forwarding"},
            {"fdb_n_learned", 3},
            {"stats64", {{"rx", {{"packets", 1234567}}}, {"tx", {{"packets", 0}}}}}};
  port.update(members);
  return port;
}

Json Bridge(const Json& members = Json::object()) {
  Json bridge{{"ifname", "br0"},    {"pid", 7},      {"uptime", 8040},
              {"fdb_n_entries", 4}, {"fdb_max", 64}, {"vlan_filtering", 0},
              {"io", "epoll"}};
  bridge.update(members);
  return bridge;
}

std::string Show(const Json& ports, const Json& bridge = Bridge(), const Json& vlans = Json()) {
  return RenderOverview({.bridge = bridge, .ports = ports, .vlans = vlans}, {});
}

TEST(OverviewTest, OneLineIsTheSwitchAndOneIsEachPort) {
  EXPECT_EQ(Show({Port("vnet0"), Port("a")}),
            "br0  up 2h 14m  process 7  2 ports  4 of 64 addresses  epoll\n"
            "PORT   TYPE  LINK  STATE       LEARNED  RX     TX  DROPS\n"
            "vnet0  tap   up    forwarding  3        1.23M  -   -\n"
            "a      tap   up    forwarding  3        1.23M  -   -\n");
}

TEST(OverviewTest, WithoutPortsItSaysHowToAddOne) {
  EXPECT_THAT(Show(Json::array()), EndsWith("no ports yet: tapctl port add vnet0\n"));
}

TEST(OverviewTest, VlansAreShownWhereTheyAreFiltered) {
  const Json vlans = Json::array({{{"ifname", "a"},
                                   {"vlans",
                                    {{{"vlan", 1}, {"flags", {"PVID", "Egress Untagged"}}},
                                     {{"vlan", 10}, {"vlanEnd", 20}}}}}});
  EXPECT_THAT(Show(Json::array({Port("a")}), Bridge(), vlans), Not(HasSubstr("1u*")));
  EXPECT_THAT(Show(Json::array({Port("a")}), Bridge({{"vlan_filtering", 1}}), vlans),
              AllOf(HasSubstr("VLANs filtered"), HasSubstr("1u* 10-20")));
}

TEST(OverviewTest, WhatIsWrongIsSaidWithWhatCanBeDone) {
  const std::string text =
      Show({Port("a", {{"link", "down"}, {"reason", "interface is down"}}),
            Port("b", {{"shut_down", "storm"}, {"state", "disabled"}}),
            Port("c", {{"state", "blocking"}}),
            Port("d", {{"drops", {{"too_long", 1500}, {"spoofed", 2}, {"no_egress", 9}}}}),
            Port("e", {{"alarms", {{"loop_suspected", 1}}}})},
           Bridge({{"fdb_n_entries", 60}}));
  EXPECT_THAT(text, HasSubstr("! a is down: interface is down: ip link set dev a up\n"));
  EXPECT_THAT(text,
              HasSubstr("! b is shut down (storm): find the cause, then tapctl port recover b"));
  EXPECT_THAT(text, HasSubstr("! c is blocking by hand: tapctl link set dev c state forwarding\n"));
  EXPECT_THAT(text, HasSubstr("! d dropped frames: too_long 1.50k spoofed 2 ("));
  EXPECT_THAT(text, HasSubstr("! e was suspected of a loop 1 time: tapctl loop set period 1s"));
  EXPECT_THAT(text, HasSubstr("! the address table is nearly full (60 of 64)"));
}

TEST(OverviewTest, WhereAllIsWellNothingIsSaid) {
  EXPECT_THAT(Show(Json::array({Port("a", {{"drops", {{"no_egress", 9}}}})})), Not(HasSubstr("!")));
}

TEST(OverviewTest, ColoursTakeNoColumns) {
  const std::string plain = RenderPortTable({Port("a"), Port("long")}, Json(), {});
  std::string coloured = RenderPortTable({Port("a"), Port("long")}, Json(), {.colour = true});
  EXPECT_THAT(coloured, HasSubstr("\033[32mup\033[0m"));
  for (size_t at = 0; (at = coloured.find('\033')) != std::string::npos;) {
    coloured.erase(at, coloured.find('m', at) - at + 1);
  }
  EXPECT_EQ(coloured, plain);
}

TEST(OverviewTest, AnAnswerOfAnotherVersionIsNoHarm) {
  EXPECT_THAT(Show({Json::object(), Json(7), Json{{"drops", 5}}}, Json("nothing")),
              HasSubstr("PORT"));
}

}  // namespace
}  // namespace tapswitch::overview_test
