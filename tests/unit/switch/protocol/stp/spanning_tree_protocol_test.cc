// The spanning tree as a protocol of the bridge: what it does to the gates of ports, and when.

#include <gtest/gtest.h>

#include <variant>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "switch/protocol/bridge_protocols.h"
#include "tests/support/test_frames.h"

namespace tapswitch::spanning_tree_protocol_test {
namespace {

constexpr PortId kA{0};
constexpr PortId kB{1};
constexpr PortGate kOpen{.state = PortState::kForwarding};
constexpr Ticks kThreeSeconds{310};

class SpanningTreeProtocolTest : public ::testing::Test {
 protected:
  SpanningTreeProtocolTest() {
    for (const PortId port : {kA, kB}) egress_.AddPort(port);
    const std::vector<PortForwarding> ports{{.id = kA, .tree = {.admin_edge = true}}, {.id = kB}};
    bridge_.SetView(ForwardingView(ports, {}));
  }

  void TurnOn() {
    SpanningTreeSettings settings;
    settings.is_on = true;
    protocols_.SetSpanningTree(settings, MacAddress::FromNumber(0x020000000002), now_);
    RunFor({});
  }
  void RunFor(Ticks span) {
    const Tick end = now_ + span;
    for (;;) {
      bridge_.TickProtocols(now_, originated_);
      originated_.Clear();
      const auto due = bridge_.protocols().next_deadline();
      if (!due || *due > end) break;
      now_ = std::max(now_, *due);
    }
    now_ = end;
  }
  // A BPDU from a bridge that is better.
  void Hear(PortId port) {
    const stp::BridgeIdentifier id{.priority = 0, .address = MacAddress::FromNumber(1)};
    const auto bpdu = stp::WriteBpdu({.priority = {.root = id, .bridge = id}}, id.address);
    const Frame frame = frames_.Plain(port, bpdu);
    egress_.Clear();
    bridge_.Process({&frame, 1}, now_, egress_);
  }
  [[nodiscard]] bool Forwards(PortId port) const {
    return bridge_.view().gates().forwarding().contains(port);
  }

  Tick now_{100000};
  TestFrames frames_;
  EgressLists egress_;
  OriginatedFrames originated_;
  Bridge bridge_{{.capacity = 64, .ageing = {30000}, .salt = 7}};
  BridgeProtocols protocols_{bridge_};
};

TEST_F(SpanningTreeProtocolTest, WithoutItAllForwardNobodyAsksForTimeAndBpdusAreNotSeen) {
  RunFor(kThreeSeconds);
  EXPECT_TRUE(Forwards(kA));
  EXPECT_TRUE(Forwards(kB));
  EXPECT_EQ(bridge_.protocols().next_deadline(), std::nullopt);
  EXPECT_FALSE(bridge_.protocols().wants_reserved());
}

TEST_F(SpanningTreeProtocolTest, AnEdgeForwardsAtOnceAndAnotherPortWhenNobodyAnswers) {
  TurnOn();
  EXPECT_TRUE(Forwards(kA));
  EXPECT_FALSE(Forwards(kB));
  EXPECT_EQ(bridge_.state(kB), PortState::kBlocking);
  RunFor(kThreeSeconds);
  EXPECT_TRUE(Forwards(kB));
}

TEST_F(SpanningTreeProtocolTest, AChangeOfStateRevokesWhatOthersCarryForThePort) {
  TurnOn();
  RunFor(kThreeSeconds);
  const auto before = bridge_.generation(kB);
  Hear(kA);
  Hear(kB);
  EXPECT_TRUE(Forwards(kA)) << "the root port";
  EXPECT_FALSE(Forwards(kB)) << "in the middle of a batch";
  EXPECT_NE(bridge_.generation(kB), before);
  EXPECT_TRUE(bridge_.wants_turn());
  EXPECT_TRUE(bridge_.TakeProtocolGates());
}

TEST_F(SpanningTreeProtocolTest, APortWhoseGateClosesAndOpensAtOnceDiscardsAgain) {
  TurnOn();
  RunFor(kThreeSeconds);
  ASSERT_TRUE(Forwards(kB));
  bridge_.SetGate(kB, {});
  bridge_.SetGate(kB, kOpen);
  EXPECT_FALSE(Forwards(kB)) << "before the tree has had a turn";
  bridge_.TellProtocols();
  RunFor({});
  EXPECT_FALSE(Forwards(kB));
  RunFor(kThreeSeconds);
  EXPECT_TRUE(Forwards(kB));
}

TEST_F(SpanningTreeProtocolTest, APortForwardsNoMoreThanIsWantedOfIt) {
  TurnOn();
  bridge_.SetGate(kA, {.state = PortState::kLearning});
  EXPECT_EQ(bridge_.state(kA), PortState::kLearning);
  bridge_.SetGate(kB, {.state = PortState::kLearning});
  EXPECT_EQ(bridge_.state(kB), PortState::kBlocking);
}

// IEEE 802.1Q, table 13-4.
TEST_F(SpanningTreeProtocolTest, TheCostOfAPortFollowsTheSpeedOfItsLinkAlsoOneToldWhileItWasOff) {
  protocols_.OnLinkSpeed(kA, 10000);
  TurnOn();
  protocols_.OnLinkSpeed(kB, 1000);
  RunFor({});
  const auto tree = protocols_.spanning_tree().Snapshot();
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->ports[0].cost, 2000U);
  EXPECT_EQ(tree->ports[1].cost, 20000U);
}

TEST_F(SpanningTreeProtocolTest, WhatHappensInItIsToldAsAnEventOfAProtocol) {
  TurnOn();
  const std::vector<ProtocolEvent> events = protocols_.TakeEvents(now_);
  ASSERT_FALSE(events.empty());
  const auto& first = std::get<stp::Event>(events.front());
  EXPECT_EQ(first.kind, stp::Event::Kind::kPort);
  EXPECT_EQ(first.role, stp::Role::kDesignated);
  EXPECT_TRUE(protocols_.TakeEvents(now_).empty());
}

TEST_F(SpanningTreeProtocolTest, OnceItIsOffAllForwardAgain) {
  TurnOn();
  ASSERT_FALSE(Forwards(kB));
  protocols_.SetSpanningTree({}, {}, now_);
  EXPECT_TRUE(Forwards(kB));
  EXPECT_EQ(bridge_.protocols().next_deadline(), std::nullopt);
}

}  // namespace
}  // namespace tapswitch::spanning_tree_protocol_test
