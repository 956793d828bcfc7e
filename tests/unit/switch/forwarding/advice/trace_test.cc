// What a trace tells people.

#include "switch/forwarding/advice/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/mac_stations.h"

namespace tapswitch::trace_test {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr PortId kA{0};
constexpr PortId kB{1};
constexpr PortId kC{2};

class TraceTest : public ::testing::Test {
 protected:
  // Each step as "stage verdict: text".
  std::vector<std::string> Trace(MacAddress source, MacAddress destination) {
    const auto trace = TraceFrame(ForwardingView(ports_), table_, {}, kA,
                                  {.destination = destination, .source = source}, now_, NameOf);
    std::vector<std::string> steps;
    for (const TraceStep& step : trace.steps) {
      steps.push_back(step.stage + " " + step.verdict + ": " + step.text);
    }
    return steps;
  }
  std::string End(MacAddress source, MacAddress destination) {
    return Trace(source, destination).back();
  }

  void Set(uint64_t station, PortId port, MacEntryState state) {
    ASSERT_TRUE(table_.Set(
        {.vlan = kNoVlan, .address = Station(station), .port = port, .state = state}, now_));
  }

  static std::string NameOf(PortId port) {
    return port == kBridgePort ? "br0" : "vnet" + std::to_string(port.value);
  }

  std::vector<PortForwarding> ports_{{.id = kA}, {.id = kB}, {.id = kC}};
  MacTable table_{{.capacity = 4, .ageing = {30000}, .salt = 7}};
  Tick now_{10000};
};

TEST_F(TraceTest, TellsEachStageOnTheWayToAKnownStation) {
  table_.Learn(kNoVlan, Station(2), kB, Tick{10000 - 1234});
  EXPECT_THAT(
      Trace(Station(1), Station(2)),
      ElementsAre("admit pass: no reserved destination, and the source is a station's address",
                  "vlan pass: VLANs are not filtered: all ports share one broadcast domain",
                  "learn learn: the source 02:00:00:00:00:01 is new: learned behind vnet0",
                  "state pass: vnet0 is in state forwarding",
                  "lookup pass: the destination 02:00:00:00:00:02 is behind vnet1 (learned, seen "
                  "12.34 s ago)",
                  "egress forward: leaves by vnet1"));
}

TEST_F(TraceTest, TellsWhichPortsAFloodLeavesOutAndWhy) {
  ports_ = {{.id = kA, .isolated = true},
            {.id = kB},
            {.id = kC, .isolated = true},
            {.id = PortId{3}, .flood = false},
            {.id = PortId{4}, .state = PortState::kBlocking},
            {.id = PortId{5}, .flood = false}};
  EXPECT_EQ(End(Station(1), Station(9)),
            "egress flood: leaves by vnet1; not by vnet0 (where it came from); not by vnet2 (both "
            "ports are isolated); not by vnet3, vnet5 (flood off); not by vnet4 (not in state "
            "forwarding)");
  ports_ = {{.id = kA, .is_tunnel = true}, {.id = kB, .is_tunnel = true}, {.id = kC}};
  EXPECT_EQ(End(Station(1), Station(9)),
            "egress flood: leaves by vnet2; not by vnet0 (where it came from); not by vnet1 (both "
            "lead to other machines)");
  ports_ = {{.id = kA}, {.id = kB, .bcast_flood = false}};
  EXPECT_EQ(End(Station(1), kBroadcastAddress),
            "egress drop: leaves by no port; not by vnet0 (where it came from); not by vnet1 "
            "(bcast_flood off)");
}

TEST_F(TraceTest, CountsManyPortsInsteadOfNamingThem) {
  ports_.clear();
  for (uint16_t id = 0; id < 30; ++id) ports_.push_back({.id = {id}});
  EXPECT_EQ(End(Station(1), kBroadcastAddress),
            "egress flood: leaves by 29 ports; not by vnet0 (where it came from)");
}

TEST_F(TraceTest, TellsWhatKeepsAFrameOut) {
  EXPECT_THAT(Trace(MacAddress(), Station(2)),
              ElementsAre("admit drop: the source 00:00:00:00:00:00 is no station's address"));
  EXPECT_THAT(End(kBroadcastAddress, Station(2)), HasSubstr("is a group address"));
  EXPECT_THAT(End(Station(1), MacAddress::FromNumber(0x0180C2000000)), HasSubstr("is reserved"));
  ports_[0].locked = true;
  EXPECT_EQ(End(Station(1), Station(2)),
            "screen drop: vnet0 is locked, and the source 02:00:00:00:00:01 is unknown");
  Set(1, kB, MacEntryState::kStatic);
  EXPECT_THAT(End(Station(1), Station(2)), EndsWith("is behind vnet1 (static)"));
  ports_[0] = {.id = kA, .state = PortState::kBlocking};
  EXPECT_EQ(End(Station(1), Station(2)), "state drop: vnet0 is not in state forwarding");
}

TEST_F(TraceTest, TellsWhyAKnownDestinationIsNotReached) {
  Set(2, kA, MacEntryState::kStatic);
  EXPECT_EQ(End(Station(1), Station(2)),
            "egress drop: that is where it came from, and hairpin is off");
  Set(2, kB, MacEntryState::kStatic);
  ports_[1].state = PortState::kDisabled;
  EXPECT_EQ(End(Station(1), Station(2)),
            "egress drop: vnet1 may not send it: not in state forwarding");
  Set(2, kBridgePort, MacEntryState::kPermanent);
  EXPECT_EQ(End(Station(1), Station(2)),
            "lookup drop: the destination 02:00:00:00:00:02 is an address of the bridge itself "
            "(permanent, on br0): consumed, not forwarded");
}

TEST_F(TraceTest, TellsWhatTheSourceTeaches) {
  const auto learn = [&] { return Trace(Station(1), Station(9))[2]; };
  table_.set_max_learned(1);
  Set(2, kB, MacEntryState::kLearned);
  EXPECT_THAT(learn(), EndsWith("is not learned: there is a limit, and it is reached"));
  Set(1, kC, MacEntryState::kStatic);
  EXPECT_THAT(learn(), EndsWith("is behind vnet2 (static): stays there"));
  Set(1, kC, MacEntryState::kLearned);
  EXPECT_THAT(learn(), EndsWith("is behind vnet2 (learned, seen 0.00 s ago): moves to vnet0"));
  table_.set_ageing(Ticks{0});
  EXPECT_THAT(learn(), EndsWith("is not learned: the ageing time is 0"));
  ports_[0].learning = false;
  EXPECT_EQ(learn(), "learn pass: vnet0 does not learn: by its flag, or in its state");
}

TEST_F(TraceTest, TellsWhetherLaterFramesNeedTheBridge) {
  const auto cacheable = [&](uint64_t destination) {
    const auto trace =
        TraceFrame(ForwardingView(ports_), table_, {}, kA,
                   {.destination = Station(destination), .source = Station(1)}, now_, NameOf);
    if (!trace.cacheable_step) return std::string("nothing");
    return trace.cacheable_step->stage + " " + trace.cacheable_step->verdict + ": " +
           trace.cacheable_step->text;
  };
  Set(2, kB, MacEntryState::kStatic);
  EXPECT_EQ(cacheable(2),
            "cacheable no: the source is not yet known to be behind the ingress port");
  table_.Learn(kNoVlan, Station(1), kA, Tick{10000 - 1234});
  EXPECT_EQ(
      cacheable(2),
      "cacheable yes: later frames of the two may go the same way until something changes, or "
      "a station is not seen for another 287.66 s");
  EXPECT_EQ(cacheable(9), "cacheable no: the destination is unknown, so it is flooded");
  Set(1, kA, MacEntryState::kStatic);
  EXPECT_EQ(cacheable(2),
            "cacheable yes: later frames of the two may go the same way until something changes");
  EXPECT_EQ(cacheable(1), "nothing") << "it is dropped";
}

TEST_F(TraceTest, TellsWhatAFullTableForgetsForTheSource) {
  LearnRange(table_, 11, 14, kB, now_);
  const auto steps = Trace(Station(1), Station(11));
  EXPECT_THAT(steps[2], EndsWith("; the table is full, so 02:00:00:00:00:0b is forgotten"));
  EXPECT_EQ(steps[4], "lookup pass: the destination 02:00:00:00:00:0b has just been forgotten");
  EXPECT_THAT(steps[5], HasSubstr("egress flood"));
}

}  // namespace
}  // namespace tapswitch::trace_test
