// What a port does for its safety beyond the plain protocol: guards, filters, disputes, edges.

#include <gtest/gtest.h>

#include <algorithm>

#include "switch/protocol/stp/tree.h"
#include "tests/support/tree_network.h"

namespace tapswitch::stp_guards_test {
namespace {

using stp::Event;
using stp::Role;

constexpr uint64_t kFirst = 0x111;
constexpr uint64_t kSecond = 0x222;
constexpr uint64_t kToRest = 60;

bool Has(const std::vector<Event>& events, Event::Kind kind) {
  return std::any_of(events.begin(), events.end(),
                     [kind](const Event& event) { return event.kind == kind; });
}

// Bridge 0 is the root; port 0 of each is on LAN 0.
class GuardsTest : public ::testing::Test {
 protected:
  void Join(const SpanningTreePort& of_first, const SpanningTreePort& of_second = {}) {
    const auto on = TreeNetwork::On();
    network_.AddBridge(kFirst, on);
    network_.AddBridge(kSecond, on);
    network_.AddPort(0, 0, of_first);
    network_.AddPort(1, 0, of_second);
  }

  TreeNetwork network_;
};

TEST_F(GuardsTest, AnAdminEdgePortForwardsAtOnce) {
  network_.AddBridge(kFirst, TreeNetwork::On());
  network_.AddPort(0, 0, {.admin_edge = true});
  network_.RunUntil(network_.now() + Ticks{1});
  EXPECT_TRUE(network_.Forwards(0, 0));
}

TEST_F(GuardsTest, APortIsTakenForAnEdgeWhenNobodyAnswersForThreeSeconds) {
  network_.AddBridge(kFirst, TreeNetwork::On());
  network_.AddPort(0, 0);
  network_.RunUntil(network_.now() + Ticks{299});
  EXPECT_FALSE(network_.Forwards(0, 0));
  network_.RunUntil(network_.now() + Ticks{10});
  EXPECT_TRUE(network_.Forwards(0, 0));
}

TEST_F(GuardsTest, AnEdgeOnWhichABridgeIsHeardIsNone) {
  Join({.admin_edge = true}, {.admin_edge = true});
  network_.RunFor(kToRest);
  EXPECT_FALSE(network_.port(0, 0).oper_edge);
  EXPECT_EQ(network_.port(1, 0).role, Role::kRoot);
}

TEST_F(GuardsTest, BpduGuardTellsOfEachBpduAndBelievesNone) {
  Join({}, {.guard = true});
  network_.RunFor(kToRest);
  EXPECT_TRUE(Has(network_.events(1), Event::Kind::kBpduGuard));
  EXPECT_EQ(network_.tree(1).root_port(), std::nullopt);
}

TEST_F(GuardsTest, RootGuardBlocksAPortWithABetterRootUntilThatIsGone) {
  Join({}, {.root_block = true});
  network_.RunFor(kToRest);
  EXPECT_EQ(network_.port(1, 0).role, Role::kAlternate);
  EXPECT_FALSE(network_.Forwards(1, 0));
  EXPECT_TRUE(Has(network_.events(1), Event::Kind::kRootGuard));
  network_.Kill(0);
  network_.RunFor(kToRest);
  EXPECT_TRUE(network_.Forwards(1, 0));
}

TEST_F(GuardsTest, BpduFilterKeepsBpdusFromComingAndGoing) {
  Join({.bpdu_filter = true});
  network_.RunFor(kToRest);
  EXPECT_EQ(network_.port(0, 0).counts.received_rst, 0U);
  EXPECT_EQ(network_.port(1, 0).counts.received_rst, 0U);
  EXPECT_NE(network_.port(0, 0).counts.filtered, 0U);
}

TEST_F(GuardsTest, LoopGuardDoesNotTakeOverFromANeighbourThatFallsSilent) {
  Join({}, {.loop_guard = true});
  network_.RunFor(kToRest);
  network_.Silence(0, 0);
  network_.RunFor(kToRest);
  EXPECT_FALSE(network_.Forwards(1, 0));
  EXPECT_TRUE(Has(network_.events(1), Event::Kind::kLoopGuard));
  network_.Silence(0, 0, false);
  network_.RunFor(kToRest);
  EXPECT_TRUE(network_.Forwards(1, 0));
}

TEST_F(GuardsTest, ADesignatedPortWhoseNeighbourDoesNotHearItDiscards) {
  Join({}, {});
  network_.RunFor(kToRest);
  network_.Silence(0, 0);
  network_.RunFor(kToRest);
  EXPECT_FALSE(network_.Forwards(0, 0));  // both are designated, and one of them knows
}

TEST_F(GuardsTest, TopologyChangesStayBehindAPortThatMayNotTell) {
  Join({}, {});
  network_.AddPort(0, 1, {.restricted_tcn = true});
  const size_t third = network_.AddBridge(0x333, TreeNetwork::On());
  network_.AddPort(third, 1);
  network_.RunFor(kToRest);
  const uint64_t before = network_.tree(1).topology_changes().count;
  network_.AddPort(third, 2, {.auto_edge = false});
  network_.RunFor(kToRest);
  EXPECT_EQ(network_.tree(1).topology_changes().count, before);
}

TEST_F(GuardsTest, APortThatHearsItselfDiscards) {
  network_.AddBridge(kFirst, TreeNetwork::On());
  network_.AddPort(0, 0, {.admin_edge = true});
  network_.RunFor(1);
  const stp::TreePort& port = network_.port(0, 0);
  const stp::Bpdu own{.priority = port.designated_priority, .times = port.designated_times};
  const auto frame = stp::WriteBpdu(own, MacAddress::FromNumber(kFirst));
  network_.Inject(0, 0, {frame.begin(), frame.end()});
  network_.RunFor(1);
  EXPECT_FALSE(network_.Forwards(0, 0));
  EXPECT_TRUE(Has(network_.events(0), Event::Kind::kLoopedBack));
  network_.RunFor(kToRest);
  EXPECT_TRUE(network_.Forwards(0, 0));
}

TEST_F(GuardsTest, NoMoreThanAHundredBpdusASecondAreLookedAt) {
  Join({});
  network_.RunFor(kToRest);
  const auto frame = stp::WriteBpdu({.kind = stp::Bpdu::Kind::kTcn}, MacAddress::FromNumber(7));
  for (int i = 0; i < 1000; ++i) network_.Inject(0, 0, {frame.begin(), frame.end()});
  const stp::PortCounts& counts = network_.port(0, 0).counts;
  EXPECT_LE(counts.received_tcn, 100U);
  EXPECT_GE(counts.excessive, 900U);
  EXPECT_TRUE(network_.Forwards(0, 0));
}

TEST_F(GuardsTest, InvalidBpdusAreCountedAndKeepNoOthersOut) {
  Join({});
  network_.RunFor(kToRest);
  const uint64_t before = network_.port(0, 0).counts.received_rst;
  for (int i = 0; i < 1000; ++i) network_.Inject(0, 0, std::vector<std::byte>(60));
  EXPECT_EQ(network_.port(0, 0).counts.invalid, 1000U);
  const auto frame = stp::WriteBpdu({.role = stp::BpduRole::kRoot}, MacAddress::FromNumber(7));
  network_.Inject(0, 0, {frame.begin(), frame.end()});
  EXPECT_EQ(network_.port(0, 0).counts.received_rst, before + 1);
  EXPECT_TRUE(network_.Forwards(0, 0));
}

TEST_F(GuardsTest, AStallOfTheProcessAgesNothing) {
  Join({});
  network_.RunFor(kToRest);
  network_.Kill(0);
  network_.RunFor(4);
  // Nobody calls for 10 s: what its neighbour said is 4 s old, as before.
  stp::Tree tree = network_.tree(1);
  struct : stp::TreeEffects {
    void SetState(PortId /*port*/, PortState /*state*/) override {}
    void Flush(PortId /*port*/) override {}
    bool Send(PortId /*port*/, std::span<const std::byte> /*frame*/) override { return true; }
    void Tell(const Event& /*event*/) override {}
  } effects;
  tree.Run(network_.now() + Ticks{1000}, effects);
  EXPECT_EQ(tree.port({0}).role, Role::kRoot);
}

}  // namespace
}  // namespace tapswitch::stp_guards_test
