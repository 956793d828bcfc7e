// Copies for an observer: which mirror copies which frame, in which form, and what it leaves alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "switch/forwarding/advice/trace.h"
#include "switch/forwarding/bridge.h"
#include "switch/forwarding/egress/egress_builder.h"
#include "tests/support/frame_builder.h"
#include "tests/support/test_frames.h"

namespace tapswitch::mirror_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Bytes = std::vector<std::byte>;

constexpr PortId kA{0};      // access, VLAN 10
constexpr PortId kB{1};      // access, VLAN 10
constexpr PortId kTrunk{2};  // tagged, VLANs 10 and 20
constexpr PortId kC{3};      // access, VLAN 20
constexpr PortId kX{4};      // where mirrors copy to
constexpr PortId kY{5};      // likewise
constexpr uint16_t kPorts = 6;

constexpr MacAddress Station(uint64_t n) { return MacAddress::FromNumber(0x020000000000 + n); }

PortForwarding Member(PortId id, const std::vector<uint16_t>& vlans, bool untagged) {
  PortForwarding port{.id = id};
  for (const uint16_t vlan : vlans) {
    port.vlans.members.insert(VlanId{vlan});
    if (untagged) port.vlans.untagged.insert(VlanId{vlan});
    if (untagged) port.vlans.pvid = VlanId{vlan};
  }
  return port;
}

Bytes Untagged(MacAddress to, MacAddress from) {
  return FrameBuilder(to, from).Type(EtherType::kIpv4).Pad(60).Build();
}
Bytes Tagged(uint16_t control, MacAddress to, MacAddress from) {
  return FrameBuilder(to, from)
      .Tag(EtherType::kVlan, control)
      .Type(EtherType::kIpv4)
      .Pad(64)
      .Build();
}

struct Wanted {
  std::vector<PortId> ports;
  std::vector<uint16_t> vlans;
  bool ingress = true;
  bool egress = true;
  PortId to = kX;
};

MirrorForwarding MirrorOf(const Wanted& setup) {
  MirrorForwarding mirror{
      .ingress = setup.ingress, .egress = setup.egress, .destination = setup.to};
  for (const PortId port : setup.ports) mirror.ports.insert(port);
  for (const uint16_t vlan : setup.vlans) mirror.vlans.insert(VlanId{vlan});
  return mirror;
}

class MirrorTest : public ::testing::Test {
 protected:
  MirrorTest() {
    for (uint16_t id = 0; id < kPorts; ++id) egress_.AddPort({id});
    Mirror({});
  }

  void Mirror(const std::vector<Wanted>& setups) {
    observers_.mirrors.clear();
    for (const Wanted& setup : setups) observers_.mirrors.push_back(MirrorOf(setup));
    SetView();
  }
  void SetView() { bridge_.SetView(ForwardingView(ports_, bridge_forwarding_, observers_)); }

  // What leaves by each port.
  std::map<PortId, std::vector<Bytes>> Process(PortId ingress, const Bytes& bytes) {
    const Frame frame = frames_.Plain(ingress, bytes);
    egress_.Clear();
    bridge_.Process({&frame, 1}, Tick{1000}, egress_);
    builder_.Begin({&frame, 1});
    std::map<PortId, std::vector<Bytes>> result;
    egress_.used().ForEach([&](PortId port) {
      for (const EgressFrame copy : egress_.of(port)) {
        EXPECT_EQ(builder_.Append(copy, {.accepted = OffloadSet::All(), .mtu = 1500}),
                  EgressBuilder::Result::kAppended);
      }
      for (const WireFrame& sent : builder_.frames()) {
        const Bytes wire = Gather(sent);
        result[port].emplace_back(wire.begin() + kVirtioNetHeaderSize, wire.end());
      }
      builder_.ClearFrames();
    });
    return result;
  }

  std::vector<Bytes> CopiesOf(PortId ingress, const Bytes& bytes, PortId to = kX) {
    return Process(ingress, bytes)[to];
  }

  TestFrames frames_;
  EgressLists egress_;
  EgressBuilder builder_;
  std::vector<PortForwarding> ports_{Member(kA, {10}, true),          Member(kB, {10}, true),
                                     Member(kTrunk, {10, 20}, false), Member(kC, {20}, true),
                                     Member(kX, {10, 20}, true),      Member(kY, {10, 20}, false)};
  BridgeForwarding bridge_forwarding_{.vlan_filtering = true};
  Observers observers_;
  Bridge bridge_{{.capacity = 64, .ageing = {30000}, .salt = 7}};
};

const Bytes kBroadcast = Untagged(kBroadcastAddress, Station(1));
const Bytes kBroadcastIn10 = Tagged(10, kBroadcastAddress, Station(1));

// ----- which frames, and how they look -----------------------------------------------------------

struct Case {
  std::string name;
  Wanted mirror;
  PortId ingress;
  Bytes frame;
  std::vector<Bytes> copies;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class MirrorTableTest : public MirrorTest, public ::testing::WithParamInterface<Case> {};

TEST_P(MirrorTableTest, CopiesExactly) {
  Mirror({GetParam().mirror});
  EXPECT_EQ(CopiesOf(GetParam().ingress, GetParam().frame), GetParam().copies);
}

const Bytes kReserved = Untagged(*MacAddress::Parse("01:80:c2:00:00:0e"), Station(1));
const Bytes kIn20 = Tagged(20, kBroadcastAddress, Station(1));
const Bytes kPriorityTagged = Tagged(0x6000, kBroadcastAddress, Station(1));
const Bytes kPriorityIn10 = Tagged(0x600A, kBroadcastAddress, Station(1));
const Bytes kRunt(13);

INSTANTIATE_TEST_SUITE_P(
    Cases, MirrorTableTest,
    ::testing::Values(
        Case{"AsItCame", {.ports = {kA}, .egress = false}, kA, kBroadcast, {kBroadcast}},
        Case{"AsItCameWithItsTag",
             {.ports = {kTrunk}, .egress = false},
             kTrunk,
             kBroadcastIn10,
             {kBroadcastIn10}},
        Case{"AsItCameThoughItIsDropped",
             {.ports = {kA}, .egress = false},
             kA,
             kReserved,
             {kReserved}},
        Case{"AsItCameThoughThePortIsNoMember",
             {.ports = {kA}, .egress = false},
             kA,
             kIn20,
             {kIn20}},
        Case{"NoRunt", {.ports = {kA}}, kA, kRunt, {}},
        Case{"AsItLeavesUntagged",
             {.ports = {kB}, .ingress = false},
             kTrunk,
             kBroadcastIn10,
             {kBroadcast}},
        Case{"AsItLeavesTagged",
             {.ports = {kTrunk}, .ingress = false},
             kA,
             kBroadcast,
             {kBroadcastIn10}},
        Case{"AsItLeavesWithItsPriority",
             {.ports = {kTrunk}, .ingress = false},
             kA,
             kPriorityTagged,
             {kPriorityIn10}},
        Case{"NotWhatComesInByAnother", {.ports = {kC}}, kA, kBroadcast, {}},
        Case{"NotWhatLeavesIfOnlyIngress", {.ports = {kB}, .egress = false}, kA, kBroadcast, {}},
        Case{"NotWhatComesIfOnlyEgress", {.ports = {kA}, .ingress = false}, kA, kBroadcast, {}},
        Case{"NotWhatDoesNotLeave", {.ports = {kB}, .ingress = false}, kA, kReserved, {}},
        Case{"OncePerDirection", {.ports = {kA, kB}}, kA, kBroadcast, {kBroadcast, kBroadcast}},
        Case{"OnceForAFloodByTheFirstOfItsPorts",
             {.ports = {kB, kTrunk}, .ingress = false},
             kA,
             kBroadcast,
             {kBroadcast}},
        Case{"OfAVlanAsItCame",
             {.vlans = {10}, .egress = false},
             kTrunk,
             kBroadcastIn10,
             {kBroadcastIn10}},
        Case{"OfAVlanAsItLeavesFirst",
             {.vlans = {10}, .ingress = false},
             kB,
             kBroadcast,
             {kBroadcast}},
        Case{"OfAVlanBothWays", {.vlans = {10, 20}}, kTrunk, kIn20, {kIn20, kBroadcast}},
        Case{"NotOfAnotherVlan", {.vlans = {20}}, kA, kBroadcast, {}},
        Case{"NotOfAVlanThatThePortIsNoMemberOf", {.vlans = {20}}, kA, kIn20, {}},
        Case{"OfAPortAndItsVlanOnce",
             {.ports = {kA}, .vlans = {10}, .egress = false},
             kA,
             kBroadcast,
             {kBroadcast}}),
    [](const auto& one) { return one.param.name; });

TEST_F(MirrorTest, KnownUnicastIsCopiedToo) {
  Mirror({{.ports = {kB}}});
  Process(kB, Untagged(kBroadcastAddress, Station(2)));
  const Bytes to_b = Untagged(Station(2), Station(1));
  const auto sent = Process(kA, to_b);
  EXPECT_THAT(sent.at(kB), ElementsAre(to_b));
  EXPECT_THAT(sent.at(kX), ElementsAre(to_b));
  EXPECT_EQ(sent.size(), 2U);
}

TEST_F(MirrorTest, ADestinationOfSeveralMirrorsGetsAFrameOncePerDirection) {
  Mirror({{.ports = {kA}}, {.vlans = {10}}, {.ports = {kA, kB}, .to = kY}});
  const auto sent = Process(kA, kBroadcast);
  EXPECT_EQ(sent.at(kX).size(), 2U);
  EXPECT_EQ(sent.at(kY).size(), 2U);
}

TEST_F(MirrorTest, VlansMeanNothingWhileTheyAreNotFiltered) {
  bridge_forwarding_.vlan_filtering = false;
  Mirror({{.vlans = {10}}});
  EXPECT_THAT(CopiesOf(kA, kBroadcastIn10), IsEmpty());
}

// ----- the destination ---------------------------------------------------------------------------

TEST_F(MirrorTest, ADestinationIsNoPortOfTheBridge) {
  EXPECT_EQ(Process(kA, kBroadcast).count(kX), 1U) << "without a mirror";
  Mirror({{.ports = {kC}}});
  EXPECT_EQ(Process(kA, kBroadcast).count(kX), 0U);
  EXPECT_THAT(Process(kX, kBroadcast), IsEmpty());
  EXPECT_EQ(bridge_.counters(kX).dropped(DropReason::kMirrorPort), 1U);
  EXPECT_EQ(bridge_.table().learned(kX), 0U);
}

TEST_F(MirrorTest, ALockedDestinationSaysThatItIsOne) {
  ports_[kX.value].locked = true;
  Mirror({{.ports = {kA}}});
  Process(kX, kBroadcast);
  EXPECT_EQ(bridge_.counters(kX).dropped(DropReason::kMirrorPort), 1U);
}

TEST_F(MirrorTest, WhatComesInByADestinationIsNotCopied) {
  Mirror({{.vlans = {10, 20}}, {.ports = {kA}, .to = kY}});
  EXPECT_THAT(Process(kY, kBroadcastIn10), IsEmpty());
  EXPECT_THAT(Process(kX, kBroadcast), IsEmpty());
}

TEST_F(MirrorTest, AStaticEntryDoesNotReachIt) {
  Mirror({{.ports = {kA}, .egress = false}});
  ASSERT_TRUE(bridge_.table().Set(
      {.vlan = {10}, .address = Station(5), .port = kX, .state = MacEntryState::kStatic},
      Tick{1000}));
  const Bytes frame = Untagged(Station(5), Station(1));
  EXPECT_THAT(CopiesOf(kA, frame), ElementsAre(frame)) << "the mirror's copy";
  EXPECT_EQ(bridge_.counters(kA).dropped(DropReason::kEgressBlocked), 1U);
}

TEST_F(MirrorTest, ADisabledDestinationGetsNothing) {
  ports_[kX.value].state = PortState::kDisabled;
  Mirror({{.ports = {kA}}});
  EXPECT_THAT(CopiesOf(kA, kBroadcast), IsEmpty());
  EXPECT_FALSE(bridge_.view().is_observed(kA));
}

TEST_F(MirrorTest, OneThatIsNotThereIsNoHarm) {
  Mirror({{.ports = {kA, PortId{900}}, .to = PortId{901}}});
  EXPECT_EQ(Process(kA, kBroadcast).count(PortId{901}), 0U);
}

TEST_F(MirrorTest, ATraceNamesIt) {
  Mirror({{.ports = {kA}}});
  const auto header = ParseHeader(kBroadcast);
  const auto name = [](PortId id) { return "p" + std::to_string(id.value); };
  const Trace trace =
      TraceFrame(bridge_.view(), bridge_.table(), {}, kX, *header, Tick{1000}, name);
  EXPECT_EQ(trace.decision.reason, DropReason::kMirrorPort);
  EXPECT_EQ(trace.steps.back().text, "a mirror copies to p4: nothing else passes");
}

// ----- accounts ----------------------------------------------------------------------------------

TEST_F(MirrorTest, ACopyMakesADroppedFrameNoForwardedOne) {
  Mirror({{.ports = {kA}}});
  Process(kA, kReserved);
  EXPECT_EQ(bridge_.counters(kA).forwarded, 0U);
  EXPECT_EQ(bridge_.counters(kA).dropped(DropReason::kReservedAddress), 1U);
  Process(kA, kBroadcast);
  EXPECT_EQ(bridge_.counters(kA).forwarded, 1U);
}

// ----- who has to ask the bridge for each frame --------------------------------------------------

TEST_F(MirrorTest, FramesOfAPortAreObservedWhereAMirrorMayWantThem) {
  Mirror({{.ports = {kA}, .egress = false}});
  EXPECT_TRUE(bridge_.view().is_observed(kA));
  EXPECT_FALSE(bridge_.view().is_observed(kB));
  Mirror({{.ports = {kA}, .ingress = false}});
  EXPECT_TRUE(bridge_.view().is_observed(kB)) << "they may leave by A";
  Mirror({});
  EXPECT_FALSE(bridge_.view().is_observed(kA));
}

TEST_F(MirrorTest, FramesOfAllPortsAreObservedWhileThereIsACapture) {
  observers_.capturing = true;
  SetView();
  EXPECT_TRUE(bridge_.view().is_observed(kA));
  EXPECT_THAT(CopiesOf(kA, kBroadcast, kC), IsEmpty());
}

}  // namespace
}  // namespace tapswitch::mirror_test
