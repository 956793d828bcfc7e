// A new process takes over from a switch that is part of a spanning tree: no port changes its
// state, and no neighbour notices.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/numbered_stream.h"
#include "tests/support/switch_test.h"
#include "tests/support/tree_ring.h"
#include "tests/support/upgrade.h"
#include "tests/support/wait_until.h"

namespace tapswitch::upgrade_tree_test {
namespace {

using nlohmann::json;

class UpgradeTreeTest : public SwitchTest {
 protected:
  void Join(const std::vector<BridgeKind>& kinds) {
    ring_ = std::make_unique<TreeRing>(io(), kinds);
    constexpr std::chrono::seconds kPatience{60};
    ASSERT_TRUE(WaitUntil([&] { return ring_->IsWhole(); }, kPatience));
    ASSERT_TRUE(WaitUntil([&] { return ring_->IsAtRest(); }, kPatience));
  }

  // What must not change: roles, states, priority vectors, and how often anything has changed.
  json Settled(size_t bridge) {
    const json tree = ring_->Tree(bridge);
    json settled{{"root", tree["root_id"]},
                 {"root_port", tree["root_port"]},
                 {"cost", tree["root_path_cost"]},
                 {"changes", tree["topology_change_count"]},
                 {"changed_by", tree["topology_change_ports"]}};
    for (const json& port : tree["ports"]) {
      json& kept = settled["ports"][port["ifname"].get<std::string>()];
      for (const char* key : {"role", "state", "port_id", "designated_root", "designated_cost",
                              "designated_bridge", "designated_port", "edge", "version"}) {
        kept[key] = port[key];
      }
      for (const char* count : {"to_forwarding", "to_discarding", "topology_changes"}) {
        kept[count] = port["counters"][count];
      }
    }
    return settled;
  }
  std::vector<json> SettledAll(const std::vector<size_t>& switches) {
    std::vector<json> all;
    for (const size_t bridge : switches) all.push_back(Settled(bridge));
    return all;
  }
  uint64_t Heard(size_t bridge, int side) {
    const json tree = ring_->Tree(bridge);
    for (const json& port : tree["ports"]) {
      if (port["ifname"] == TreeRing::PortOf(bridge, side)) return port["counters"]["rx_rst"];
    }
    return 0;
  }
  void UpgradeOf(size_t bridge) {
    Upgrade(ring_->process(bridge), json::object(), TreeRing::SocketOf(bridge));
  }

  std::unique_ptr<TreeRing> ring_;
};
INSTANTIATE_TEST_SUITE_P(Io, UpgradeTreeTest, kEachIo, IoName);

TEST_P(UpgradeTreeTest, NoStateChangesNoFrameIsLostAndNoNeighbourNotices) {
  Join({BridgeKind::kSwitch, BridgeKind::kSwitch, BridgeKind::kSwitch});
  const std::vector<size_t> switches{0, 1, 2};
  NumberedStream stream("h1", "h0", 2, 1);
  ASSERT_TRUE(WaitUntil([&] { return stream.received() > 100; }));
  const auto before = SettledAll(switches);
  for (const size_t bridge : switches) {
    SCOPED_TRACE("switch " + std::to_string(bridge));
    UpgradeOf(bridge);
    EXPECT_EQ(SettledAll(switches), before);
    const uint32_t received = stream.received();
    EXPECT_TRUE(WaitUntil([&] { return stream.received() > received + 1000; }));
  }
  // Three times hello_time is what neighbours wait for.
  const uint64_t heard = Heard(1, 0);
  EXPECT_TRUE(WaitUntil([&] { return Heard(1, 0) > heard + 4; }));
  EXPECT_EQ(SettledAll(switches), before);
  const auto summary = stream.Finish();
  EXPECT_EQ(summary.lost, 0U);
  EXPECT_EQ(summary.repeated, 0U);
}

TEST_P(UpgradeTreeTest, PortsKeepTheirNumbers) {
  Join({BridgeKind::kSwitch, BridgeKind::kSwitch, BridgeKind::kSwitch});
  // Its number is taken again by the port that now is the last in the configuration.
  ControlClient client(TreeRing::SocketOf(0));
  client.Call("port.del", {{"name", TreeRing::HostPort(0)}});
  client.Call("port.add", {{"port", "netdev:" + TreeRing::HostPort(0)}});
  ASSERT_TRUE(
      WaitUntil([&] { return ring_->IsWhole() && ring_->IsAtRest(); }, std::chrono::seconds(60)));
  const auto before = SettledAll({0, 1, 2});
  UpgradeOf(0);
  EXPECT_EQ(SettledAll({0, 1, 2}), before);
}

TEST_P(UpgradeTreeTest, TheKernelsBridgeNoticesNothing) {
  Join({BridgeKind::kSwitch, BridgeKind::kKernel, BridgeKind::kSwitch});
  const auto states = [&] {
    return ring_->sandbox().Run("bridge link show | grep -o 'r1-.*state [a-z]*'");
  };
  // It tells of a change for max_age and forward_delay.
  const auto changes = [&] {
    return ring_->sandbox().Run("ip -d -j link show dev k1 | grep -o '\"topology_change\":[0-9]*'");
  };
  ASSERT_TRUE(
      WaitUntil([&] { return changes() == "\"topology_change\":0\n"; }, std::chrono::seconds(60)));
  const auto before = SettledAll({0, 2});
  const std::string states_before = states();
  UpgradeOf(0);
  UpgradeOf(2);
  EXPECT_EQ(states(), states_before);
  EXPECT_EQ(changes(), "\"topology_change\":0\n");
  EXPECT_EQ(SettledAll({0, 2}), before);
}

}  // namespace
}  // namespace tapswitch::upgrade_tree_test
