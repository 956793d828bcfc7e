// Ports and their flags, as iproute2 lays them out where it has the thing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/rendered_answers.h"

namespace tapswitch::render_ports_test {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;

TEST(RenderLinksTest, ALineEachThatEndsAsThatOfIproute2) {
  EXPECT_EQ(Render("link show", kLinks),
            "4: vnet1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state forwarding "
            "priority 32 cost 100 \n");
}

TEST(RenderLinksTest, DetailsAreASecondLine) {
  EXPECT_EQ(Render("link show", kLinks, {.details = true}),
            "4: vnet1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state forwarding "
            "priority 32 cost 100 \n"
            "    hairpin off learning on mcast_router 1 \n");
}

TEST(RenderLinksTest, JsonHasTheFlagsOnlyWithDetails) {
  Json expected = Json::parse(kLinks);
  EXPECT_EQ(Json::parse(Render("link show", kLinks, {.json = true, .details = true})), expected);
  for (const char* key : {"hairpin", "learning", "mcast_router"}) expected[0].erase(key);
  EXPECT_EQ(Json::parse(Render("link show", kLinks, {.json = true})), expected);
}

TEST(RenderPortsTest, ALineEachWithTheReason) {
  EXPECT_EQ(Render("port show", kPorts),
            "vnet1: tap link down state disabled mtu 9000 learned 3 (it is down)\n");
}

TEST(RenderPortsTest, TellsWhatMakesAPortGo) {
  EXPECT_EQ(Render("port show", R"([{"ifname": "vnet1", "type": "netdev", "link": "up",
                                     "ephemeral": true, "attached_by": "vnet*"},
                                    {"ifname": "tap0", "type": "netdev", "link": "up",
                                     "ephemeral": true}])"),
            "vnet1: netdev link up state  mtu  learned  attached by vnet*\n"
            "tap0: netdev link up state  mtu  learned  ephemeral\n");
}

TEST(RenderPortsTest, StatisticsAreCountersAndDropsByReason) {
  EXPECT_EQ(Render("port show", kPorts, {.statistics = true, .details = true}),
            "vnet1: tap link down state disabled mtu 9000 learned 3 (it is down)\n"
            "    vnet1,mtu=9000\n"
            "                   bytes        packets      dropped\n"
            "    rx      123456789012           1000            5\n"
            "    tx                20              2            0\n"
            "    gro: frames 40 into 2\n"
            "    drops: bad_source 5\n"
            "    learning: none\n");
}

TEST(RenderPortsTest, WhatTheKernelCarriedIsSaidWhereThereIsAny) {
  Json ports = Json::parse(kPorts);
  ports[0]["kernel"] = {{"rx", 7}, {"tx", 0}};
  EXPECT_THAT(Render("port show", ports.dump(), {.statistics = true}),
              HasSubstr("    kernel: rx 7\n"));
}

TEST(RenderPortsTest, JsonHasCountersOnlyWithStatistics) {
  Json expected = Json::parse(kPorts);
  EXPECT_EQ(Json::parse(Render("port show", kPorts, {.json = true, .statistics = true})), expected);
  for (const char* key : {"stats64", "forwarded", "gro", "drops", "learning"})
    expected[0].erase(key);
  EXPECT_EQ(Json::parse(Render("port show", kPorts, {.json = true})), expected);
}

}  // namespace
}  // namespace tapswitch::render_ports_test
