// Spanning trees of running switches, alone and with other bridges: one tree, no loops, and a way
// around what fails.
//
// While roles change, a frame that waits in a queue may come twice (IEEE 802.1D-2004, 6.3.3). In a
// loop it comes without end.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "switch/protocol/stp/bpdu.h"
#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/tree_port.h"
#include "tests/support/tree_ring.h"
#include "tests/support/wait_until.h"

namespace tapswitch::spanning_tree_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::chrono::seconds kLegacy{60};  // two forward delays of 4 s, on a busy machine

class RingTest : public SwitchTest {
 protected:
  void Join(const std::vector<BridgeKind>& kinds) {
    ring_ = std::make_unique<TreeRing>(io(), kinds);
  }
  void Join(size_t switches) { Join(std::vector<BridgeKind>(switches, BridgeKind::kSwitch)); }

  [[nodiscard]] bool BecomesWhole(const std::vector<size_t>& dead = {}) {
    const bool is_whole = WaitUntil(
        [&] {
          EXPECT_LE(ring_->CopiesOf(ring_->size()), 2U) << "a loop";
          return HasFailure() || ring_->IsWhole(dead);
        },
        kLegacy);
    return is_whole && !HasFailure();
  }
  [[nodiscard]] std::string RoleOf(size_t bridge, int side) {
    return RoleOf(bridge, TreeRing::PortOf(bridge, side));
  }
  [[nodiscard]] std::string RoleOf(size_t bridge, const std::string& name) {
    const json tree = ring_->Tree(bridge);
    for (const json& port : tree["ports"]) {
      if (port["ifname"] == name) return port["role"];
    }
    return "none";
  }

  std::unique_ptr<TreeRing> ring_;
};
INSTANTIATE_TEST_SUITE_P(Io, RingTest, kEachIo, IoName);

TEST_P(RingTest, ThreeSwitchesFormATreeWithOnePortThatDiscards) {
  Join(3);
  ASSERT_TRUE(BecomesWhole());
  EXPECT_EQ(RoleOf(0, 0), "designated");
  EXPECT_EQ(RoleOf(1, 0), "root");
  EXPECT_EQ(RoleOf(1, 1), "designated");
  EXPECT_EQ(RoleOf(2, 0), "alternate");
  EXPECT_EQ(ring_->Tree(2)["root_id"], ring_->Tree(0)["bridge_id"]);
}

TEST_P(RingTest, AnAlternatePortTakesOverWhenALinkIsCut) {
  Join(4);
  ASSERT_TRUE(BecomesWhole());
  ring_->SetLink(0, 1, false);
  ASSERT_TRUE(BecomesWhole());
  EXPECT_EQ(RoleOf(1, 1), "root");
  ring_->SetLink(0, 1, true);
  ASSERT_TRUE(BecomesWhole());
  EXPECT_TRUE(WaitUntil([&] { return RoleOf(1, 0) == "root"; }));
}

// The carrier stays, so it takes three missed BPDUs.
TEST_P(RingTest, ALinkThatFailsSilentlyIsLeft) {
  Join(4);
  ASSERT_TRUE(BecomesWhole());
  ring_->Silence(0, 1);
  ring_->Silence(1, 0);
  EXPECT_TRUE(WaitUntil([&] { return RoleOf(1, 1) == "root"; }, kLegacy));
  EXPECT_TRUE(BecomesWhole());
}

TEST_P(RingTest, ATapWithAMacvtapOnItIsALinkLikeOthers) {
  Join(4);
  const auto chord = ring_->AddTapChord(0, 2);
  if (!chord) GTEST_SKIP() << "no macvtap here";
  ASSERT_TRUE(BecomesWhole());
  EXPECT_EQ(RoleOf(0, chord->first), "designated");
  // It is all that is left of the ways to the bridge across.
  ring_->SetLink(2, 0, false);
  ring_->SetLink(2, 1, false);
  EXPECT_TRUE(WaitUntil([&] { return RoleOf(2, chord->second) == "root"; }, kLegacy));
  EXPECT_TRUE(BecomesWhole());
}

TEST_P(RingTest, AnotherRootIsFoundWhenTheRootIsKilled) {
  Join(4);
  ASSERT_TRUE(BecomesWhole());
  ring_->Kill(0);
  ASSERT_TRUE(BecomesWhole({0}));
  // Until its information is too old, the dead root is still believed in.
  EXPECT_TRUE(WaitUntil([&] { return ring_->Tree(3)["root_id"] == ring_->Tree(1)["bridge_id"]; }));
}

TEST_P(RingTest, ALinkThatLosesOneDirectionMakesNoLoop) {
  Join(3);
  ASSERT_TRUE(BecomesWhole());
  ring_->Silence(1, 1);  // what the alternate port hears
  // Its neighbour learns of the dispute from it.
  EXPECT_TRUE(BecomesWhole());
}

// BPDUs come every 2 s, and three may be missed.
TEST_P(RingTest, AProcessThatStandsStillForASecondChangesNoRole) {
  Join(3);
  ASSERT_TRUE(BecomesWhole());
  ASSERT_TRUE(WaitUntil([&] { return ring_->IsAtRest(); }));
  const auto settled = [&] {
    json all;
    for (size_t bridge = 0; bridge < ring_->size(); ++bridge) {
      const json tree = ring_->Tree(bridge);
      json& one = all[bridge];
      one["changes"] = tree["topology_change_count"];
      for (const json& port : tree["ports"]) {
        one[port["ifname"].get<std::string>()] = {port["role"], port["state"],
                                                  port["counters"]["to_discarding"]};
      }
    }
    return all;
  };
  const json before = settled();
  for (size_t bridge = 0; bridge < ring_->size(); ++bridge) {
    kill(ring_->process(bridge).pid(), SIGSTOP);
    std::this_thread::sleep_for(std::chrono::seconds(1));
    kill(ring_->process(bridge).pid(), SIGCONT);
  }
  const auto hellos = [&] {
    const json tree = ring_->Tree(1);
    return tree["ports"][1]["counters"]["rx_rst"].get<uint64_t>();
  };
  const uint64_t heard = hellos();
  EXPECT_TRUE(WaitUntil([&] { return hellos() > heard + 3; }));
  EXPECT_EQ(settled(), before);
}

// All kinds beside each other; the last two are switches, so that one of them has the port that
// discards. Legacy bridges take two forward delays at each change.
TEST_P(RingTest, EightBridgesOfThreeMakesFormOneTree) {
  if (std::system("command -v ovs-vswitchd ovsdb-server >/dev/null") != 0) {
    GTEST_SKIP() << "there is no Open vSwitch: install openvswitch-switch";
  }
  using enum BridgeKind;
  Join({kSwitch, kKernel, kSwitch, kOvs, kSwitch, kKernel, kSwitch, kSwitch});
  ASSERT_TRUE(BecomesWhole());
  for (const size_t bridge : {2U, 4U, 6U, 7U}) {
    EXPECT_EQ(ring_->Tree(bridge)["root_id"], ring_->Tree(0)["bridge_id"]);
  }
  ring_->SetLink(0, 0, false);
  ASSERT_TRUE(BecomesWhole());
  EXPECT_EQ(RoleOf(7, 0), "root");
}

// Chords beside the ring: the same pairs of switches are joined by several ways.
TEST_P(RingTest, AMeshFormsOneTreeAndSurvivesItsRoot) {
  Join({BridgeKind::kSwitch, BridgeKind::kSwitch, BridgeKind::kKernel, BridgeKind::kSwitch,
        BridgeKind::kSwitch});
  ring_->AddChord(0, 3);
  ring_->AddChord(1, 4);
  ring_->AddChord(2, 4);
  ASSERT_TRUE(BecomesWhole());
  ring_->Kill(0);
  ASSERT_TRUE(BecomesWhole({0}));
}

TEST_P(RingTest, SwitchesAndTheKernelsBridgeFormOneTree) {
  Join({BridgeKind::kSwitch, BridgeKind::kKernel, BridgeKind::kSwitch});
  ASSERT_TRUE(BecomesWhole());
  EXPECT_EQ(ring_->Tree(2)["root_id"], ring_->Tree(0)["bridge_id"]);
  ring_->SetLink(0, 0, false);
  ASSERT_TRUE(BecomesWhole());
  EXPECT_EQ(RoleOf(2, 0), "root");
}

TEST_P(RingTest, SwitchesAndOpenVSwitchFormOneTree) {
  if (std::system("command -v ovs-vswitchd ovsdb-server >/dev/null") != 0) {
    GTEST_SKIP() << "there is no Open vSwitch: install openvswitch-switch";
  }
  Join({BridgeKind::kSwitch, BridgeKind::kOvs, BridgeKind::kSwitch});
  ASSERT_TRUE(BecomesWhole());
  EXPECT_EQ(ring_->Tree(2)["root_id"], ring_->Tree(0)["bridge_id"]);
  ring_->SetLink(0, 0, false);
  ASSERT_TRUE(BecomesWhole());
  EXPECT_EQ(RoleOf(2, 0), "root");
}

// One switch and two hosts, whose words are BPDUs.
class TreePortTest : public BpduSpeakersTest {};
INSTANTIATE_TEST_SUITE_P(Io, TreePortTest, kEachIo, IoName);

TEST_P(TreePortTest, AnAdminEdgePortForwardsAtOnceAndAnotherOneWhenNobodyAnswers) {
  network_.emplace(SilentHosts(io(), 2));
  client_.emplace();
  Set(1, {{"admin_edge", true}});
  client_->Call("bridge.set", {{"stp_state", true}});
  EXPECT_TRUE(WaitFor(1, "state", "forwarding"));
  EXPECT_EQ(Port(2)["state"], "blocking");
  EXPECT_TRUE(WaitFor(2, "state", "forwarding"));
  EXPECT_TRUE(Port(2)["edge"]);
}

TEST_P(TreePortTest, ABetterRootIsBelievedAndForgotten) {
  Start();
  Say(1);
  ASSERT_TRUE(WaitFor(1, "role", "root"));
  const json tree = client_->Call("stp.list").at(0);
  EXPECT_EQ(tree["root_id"], "0000.00:00:00:00:00:07");
  EXPECT_EQ(tree["root_port"], "vnet1");
  EXPECT_EQ(tree["root_path_cost"], 20000);
  EXPECT_TRUE(WaitFor(1, "role", "designated")) << "three times hello_time";
  EXPECT_TRUE(network_->tapswitchd().WaitForLog(
      "root 0000.00:00:00:00:00:07 cost 0 of bridge 0000.00:00:00:00:00:07 heard on vnet1"));
}

TEST_P(TreePortTest, BpduGuardShutsThePortDown) {
  Start();
  Set(1, {{"guard", true}});
  Say(1);
  const auto port = [&] { return client_->Call("port.list", {{"name", "vnet1"}}).at(0); };
  EXPECT_TRUE(WaitUntil([&] { return port().value("shut_down", "") == "bpdu_guard"; }));
  EXPECT_EQ(client_->Call("stp.list").at(0)["root_port"], nullptr);
  client_->Call("port.recover", {{"name", "vnet1"}});
  EXPECT_TRUE(WaitFor(1, "role", "designated"));
}

TEST_P(TreePortTest, RootGuardDiscardsWhileABetterRootIsHeard) {
  Start();
  Set(1, {{"root_block", true}});
  Say(1);
  EXPECT_TRUE(WaitFor(1, "inconsistent", "root_guard"));
  EXPECT_EQ(Port(1)["state"], "blocking");
  EXPECT_TRUE(WaitFor(1, "state", "forwarding")) << "by itself, once it is not heard any more";
}

TEST_P(TreePortTest, APortThatDiscardsNeitherForwardsNorLearns) {
  Start();
  ASSERT_TRUE(WaitFor(2, "state", "forwarding"));
  Set(1, {{"root_block", true}});
  Say(1);
  ASSERT_TRUE(WaitFor(1, "inconsistent", "root_guard"));
  network_->host(1).OpenPacketSocket(0).Send(TestFrame(kBroadcastAddress, Station(1), "blocked"));
  EXPECT_TRUE(WaitUntil([&] {
    return client_->Call("port.list", {{"name", "vnet1"}}).at(0)["drops"]["port_state"] == 1;
  }));
  const std::string traced = network_->sandbox().Run(
      std::string(TAPCTL_PATH) + " trace in vnet1 src 02:00:00:00:00:01 dst 02:00:00:00:00:02");
  EXPECT_THAT(traced, HasSubstr("spanning tree: role alternate"));
}

TEST_P(TreePortTest, TheCostFollowsFromTheSpeedOfTheLink) {
  network_.emplace(TestNetwork::Options{
      .io = io(), .ports = {"", "netdev"}, .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces});
  client_.emplace();
  client_->Call("bridge.set", {{"stp_state", true}});
  EXPECT_TRUE(WaitFor(2, "link_speed", 10000)) << "a veth pair says so of itself";
  EXPECT_EQ(Port(2)["cost"], 2000);
  EXPECT_EQ(Port(1)["cost"], 20000) << "that of a TAP is not known";
  EXPECT_EQ(client_->Call("link.list", {{"dev", "vnet2"}}).at(0)["cost"], 2000);
  Set(2, {{"cost", 7}});
  EXPECT_TRUE(WaitFor(2, "cost", 7));
  EXPECT_EQ(Port(2)["cost_auto"], false);
}

// The oVirt case: a guest that bridges its cards must not have the host's uplink shut down.
TEST_P(TreePortTest, NoBpduOfAGuestComesToAnotherPortWhetherThereIsATreeOrNot) {
  network_.emplace(SilentHosts(io(), 2));
  client_.emplace();
  FrameExchange exchange(*network_);
  Set(1, {{"profile", "vm"}});
  client_->Call("bridge.set", {{"group_fwd_mask", 1}});
  exchange.Send(1, Words(0));
  EXPECT_THAT(exchange.Collect().at(2), testing::IsEmpty());
  exchange.Send(2, Words(0));
  EXPECT_EQ(exchange.Collect().at(1).size(), 1U) << "those of others go as the mask says";
  client_->Call("bridge.set", {{"group_fwd_mask", 0}, {"stp_state", true}});
  Set(2, {{"admin_edge", true}});
  ASSERT_TRUE(WaitFor(1, "state", "forwarding")) << "at once";
  exchange.Send(1, Words(0));
  EXPECT_TRUE(WaitUntil([&] {
    return client_->Call("port.list", {{"name", "vnet1"}}).at(0).value("shut_down", "") ==
           "bpdu_guard";
  }));
}

TEST_P(TreePortTest, WithoutATreeBpdusGoAsTheMaskSaysAndBothAtOnceAreRefused) {
  network_.emplace(SilentHosts(io(), 2));
  client_.emplace();
  client_->Call("bridge.set", {{"group_fwd_mask", 1}});
  FrameExchange exchange(*network_);
  exchange.Send(1, Words(0));
  EXPECT_EQ(exchange.Collect().at(2).size(), 1U);
  EXPECT_THAT(client_->Refused("bridge.set", {{"stp_state", true}}), HasSubstr("group_fwd_mask"));
  client_->Call("bridge.set", {{"group_fwd_mask", 0}, {"stp_state", true}});
  EXPECT_THAT(client_->Refused("link.set", {{"dev", "vnet1"}, {"group_fwd_mask", 1}}),
              HasSubstr("stp_state"));
}

TEST_P(TreePortTest, SettingsAreSavedAndTimesHaveToFit) {
  Start();
  EXPECT_THAT(client_->Refused("bridge.set", {{"max_age", "40s"}}), HasSubstr("max_age 40s"));
  client_->Call("bridge.set", {{"priority", 4096}, {"hello_time", "1s"}, {"tx_hold_count", 3}});
  Set(1, {{"cost", 100}, {"guard", true}, {"p2p", "off"}, {"restricted_tcn", true}});
  const std::string saved = network_->sandbox().Run(std::string(TAPCTL_PATH) + " save");
  for (const char* words : {"stp_state on", "priority 4096", "hello_time 1s", "tx_hold_count 3",
                            "cost 100", "guard on", "p2p off", "restricted_tcn on"}) {
    EXPECT_THAT(saved, HasSubstr(words));
  }
}

TEST_P(TreePortTest, MonitorTellsOfEachChangeAndItsReason) {
  Start();
  ControlClient monitor;
  monitor.Call("monitor.start", {{"objects", {"stp"}}});
  Say(1);
  const json event = monitor.ReadLine()["params"];
  EXPECT_EQ(event["ifname"], "vnet1");
  EXPECT_THAT(event["reason"].get<std::string>(), HasSubstr("heard on vnet1"));
}

}  // namespace
}  // namespace tapswitch::spanning_tree_test
