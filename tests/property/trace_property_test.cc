// A trace says what the bridge then does, and changes nothing.

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "switch/forwarding/advice/trace.h"
#include "switch/forwarding/bridge.h"
#include "tests/support/mac_stations.h"
#include "tests/support/random_traffic.h"
#include "tests/support/test_frames.h"

namespace tapswitch::trace_property_test {
namespace {

// A bridge whose table is so small that it is often full.
class TracedBridge {
 public:
  explicit TracedBridge(uint64_t seed)
      : random_(seed), bridge_({.capacity = 8, .ageing = {500}, .salt = seed}) {
    for (uint16_t id = 0; id < RandomTraffic::kPorts; ++id) egress_.AddPort({id});
    Reconfigure();
  }

  void Reconfigure() {
    auto ports = random_.Ports();
    for (PortForwarding& port : ports) {
      port.mab = random_.OneIn(2);
      port.security.at_limit = static_cast<LimitAction>(random_.Below(kLimitActionNames.size()));
      bridge_.table().set_replaces_at_limit(port.id,
                                            port.security.at_limit == LimitAction::kReplace);
    }
    bridge_.SetView(ForwardingView(ports, random_.Bridge()));
  }

  void ChangeTable() {
    MacTable& table = bridge_.table();
    const MacEntry entry = random_.Entry();
    switch (random_.Below(8)) {
      case 0:
        return static_cast<void>(table.Set(entry, now_));
      case 1:
        if (entry.port != kBridgePort) static_cast<void>(table.Append(entry, now_));
        return;
      case 2:
      case 3:
        return static_cast<void>(table.Erase(entry.vlan, entry.address));
      case 4:
        return table.set_max_learned(static_cast<uint32_t>(random_.Below(2) * random_.Below(8)));
      case 5:
        return table.set_max_learned(random_.Port(), static_cast<uint32_t>(random_.Below(4)));
      case 6:
        return table.FlushVlan(entry.vlan);
      default:
        now_ = now_ + Ticks{random_.Below(100)};
    }
  }

  // Returns how the trace ended.
  std::string TraceThenProcessOne() {
    const auto bytes = random_.FrameBytes();
    const auto header = ParseHeader(bytes);
    if (!header.has_value()) return "runt";
    const PortId ingress = random_.Port();
    const auto before = EntriesOf(bridge_.table(), now_);
    const auto evictions = bridge_.table().evictions();
    const Trace trace = TraceFrame(bridge_.view(), bridge_.table(), {}, ingress, *header, now_,
                                   [](PortId port) { return "port" + std::to_string(port.value); });
    EXPECT_EQ(EntriesOf(bridge_.table(), now_), before);
    EXPECT_EQ(bridge_.table().evictions(), evictions);
    CheckSteps(trace);
    CheckDecision(trace, ingress, bytes);
    return trace.steps.back().stage + " " + trace.steps.back().verdict;
  }

 private:
  static void CheckSteps(const Trace& trace) {
    ASSERT_FALSE(trace.steps.empty());
    for (const TraceStep& step : trace.steps) {
      EXPECT_FALSE(step.text.empty());
      const bool is_last = &step == &trace.steps.back();
      const bool drops = is_last && trace.decision.action == Decision::Action::kDrop;
      EXPECT_EQ(step.verdict == "drop", drops) << step.stage << ": " << step.text;
    }
  }

  void CheckDecision(const Trace& trace, PortId ingress, std::span<const std::byte> bytes) {
    TestFrames storage;
    const Frame frame = storage.Plain(ingress, bytes);
    const PortCounters before = bridge_.counters(ingress);
    egress_.Clear();
    bridge_.Process({&frame, 1}, now_, egress_);
    const PortCounters& after = bridge_.counters(ingress);

    const Decision& decision = trace.decision;
    PortSet expected = decision.flood;
    if (decision.action == Decision::Action::kForward) expected.insert(decision.egress);
    EXPECT_EQ(egress_.used(), expected);
    const bool drops = decision.action == Decision::Action::kDrop;
    EXPECT_EQ(after.forwarded - before.forwarded, drops ? 0U : 1U);
    if (!drops) return;
    EXPECT_EQ(after.dropped(decision.reason), before.dropped(decision.reason) + 1);
  }

  RandomTraffic random_;
  Bridge bridge_;
  EgressLists egress_;
  Tick now_{1000};
};

class TracePropertyTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(TracePropertyTest, ATraceSaysWhatTheBridgeThenDoes) {
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  TracedBridge bridge(GetParam());
  std::set<std::string> ends;
  for (int step = 0; step < 15000 && !HasFailure(); ++step) {
    if (step % 100 == 0) bridge.Reconfigure();
    if (step % 7 == 0) bridge.ChangeTable();
    ends.insert(bridge.TraceThenProcessOne());
  }
  for (const char* end : {"admit drop", "vlan drop", "screen drop", "learn drop", "state drop",
                          "lookup drop", "egress drop", "egress forward", "egress flood"}) {
    EXPECT_TRUE(ends.contains(end)) << "the traffic should have led to: " << end;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TracePropertyTest, ::testing::Range<uint64_t>(1, 11));

}  // namespace
}  // namespace tapswitch::trace_property_test
