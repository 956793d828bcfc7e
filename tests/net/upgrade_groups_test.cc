// A new process takes over from a switch that snoops: members go on receiving although nobody
// reports anew, and others go on being spared.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/group_frames.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/upgrade.h"
#include "tests/support/wait_until.h"

namespace tapswitch::upgrade_groups_test {
namespace {

using nlohmann::json;

constexpr IpAddress kGroup = V4(0xEF0A0A0A);
constexpr IpAddress kSource = V4(0x0A530009);

class UpgradeGroupsTest : public SwitchTest {
 protected:
  // Nobody is asked again for as long as the test lasts.
  void Start(const std::vector<std::string>& flags = {}) {
    network_.emplace(SilentHosts(io(), 4, flags));
    ControlClient client;
    client.Call("bridge.set", {{"mcast_snooping", true},
                               {"mcast_querier", true},
                               {"mcast_query_interval", "3000s"},
                               {"mcast_startup_query_count", 1},
                               {"mcast_igmp_version", 3},
                               {"mcast_query_response_interval", "100ms"}});
    EXPECT_TRUE(WaitUntil([&] {
      const json list = client.Call("multicast.list");
      return std::ranges::all_of(list.at(0)["queriers"],
                                 [](const json& one) { return one["active"] == true; });
    }));
  }
  static json Groups() {
    json mdb = ControlClient().Call("mdb.list").at(0)["mdb"];
    for (json& row : mdb) {
      row.erase("timer");
      for (json& source : row["source_list"]) source.erase("timer");
    }
    return mdb;
  }
  static bool HasGroup(const std::string& port) {
    const json groups = Groups();
    return std::ranges::any_of(groups, [&](const json& row) { return row["port"] == port; });
  }
  static uint64_t QueriesSent() {
    return ControlClient().Call("multicast.list").at(0)["counters"]["igmp_queries"]["tx"];
  }

  std::optional<TestNetwork> network_;
};
INSTANTIATE_TEST_SUITE_P(Io, UpgradeGroupsTest, kEachIo, IoName);

TEST_P(UpgradeGroupsTest, MembersGoOnReceivingAndOthersGoOnBeingSpared) {
  Start();
  const PacketSocket member = network_->host(2).OpenPacketSocket();
  member.Send(OldReport(kGroup).Build());
  ASSERT_TRUE(WaitUntil([&] { return HasGroup("vnet2"); }));
  const PacketSocket other = network_->host(3).OpenPacketSocket(ETH_P_IP);
  const PacketSocket sender = network_->host(1).OpenPacketSocket(0);
  const auto data = DataTo(kGroup, kHostV4, Station(1));
  const auto copies = [&](const PacketSocket& socket, std::chrono::milliseconds patience) {
    size_t count = 0;
    for (;;) {
      const auto frame = socket.Receive(patience);
      if (frame.empty()) return count;
      if (std::ranges::equal(frame, data)) ++count;
    }
  };
  size_t sent = 0;
  size_t received = 0;
  for (int round = 0; round < 3; ++round) {
    std::jthread upgrading([&] { Upgrade(network_->tapswitchd()); });
    // While the process is replaced, and a little longer.
    for (int i = 0; i < 200; ++i, ++sent) {
      sender.Send(data);
      received += copies(member, std::chrono::milliseconds(1));
    }
    upgrading.join();
  }
  received += copies(member, std::chrono::milliseconds(200));
  EXPECT_EQ(received, sent);
  EXPECT_EQ(copies(other, std::chrono::milliseconds(0)), 0U);
}

TEST_P(UpgradeGroupsTest, EntriesTimersRoutersAndQueriersAreKeptAndNobodyIsAsked) {
  Start();
  const PacketSocket member = network_->host(2).OpenPacketSocket(0);
  member.Send(NewReport({{RecordType::kIsInclude, kGroup, {kSource}}}).Build());
  network_->host(3).OpenPacketSocket(0).Send(PimHello(V4(0x0A530003)));
  ASSERT_TRUE(WaitUntil([&] { return HasGroup("vnet2"); }));
  ControlClient first;
  first.Call("mdb.add", {{"port", "vnet4"}, {"grp", "239.9.9.9"}, {"state", "permanent"}});
  const json groups = Groups();
  const auto queriers = [](ControlClient& client) {
    json list = client.Call("multicast.list").at(0)["queriers"];
    for (json& one : list) {
      for (const char* age : {"uptime", "age", "expires"}) one.erase(age);
    }
    return list;
  };
  const json queriers_before = queriers(first);
  EXPECT_TRUE(WaitUntil([&] { return !first.Call("mdb.list").at(0)["router"].empty(); }));
  const json routers = first.Call("mdb.list").at(0)["router"];
  const uint64_t asked = QueriesSent();
  Upgrade(network_->tapswitchd());
  ControlClient second;
  EXPECT_EQ(Groups(), groups);
  EXPECT_EQ(queriers(second), queriers_before);
  EXPECT_EQ(second.Call("mdb.list").at(0)["router"], routers);
  EXPECT_EQ(QueriesSent(), asked) << "ports that were there before are not new";
}

TEST_P(UpgradeGroupsTest, WhatHasLeftSinceTheStateWasReadIsGone) {
  Start({"--vlan_filtering"});
  ControlClient client;
  client.Call("bridge.set", {{"mcast_last_member_interval", "100ms"}});
  client.Call("link.set", {{"dev", "vnet2"}, {"fastleave", true}});
  const PacketSocket member = network_->host(2).OpenPacketSocket(0);
  for (uint32_t i = 0; i < 200; ++i) member.Send(OldReport(V4(0xEF0B0000 + i)).Build());
  ASSERT_TRUE(WaitUntil([&] { return Groups().size() == 200; }));
  std::jthread leaving([&] {
    for (uint32_t i = 0; i < 200; ++i) {
      member.Send(OldReport(V4(0xEF0B0000 + i), true).Build());
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  Upgrade(network_->tapswitchd());
  leaving.join();
  EXPECT_TRUE(WaitUntil([&] { return Groups().empty(); }));
}

}  // namespace
}  // namespace tapswitch::upgrade_groups_test
