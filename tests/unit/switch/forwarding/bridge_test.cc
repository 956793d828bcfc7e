#include "switch/forwarding/bridge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/frame_builder.h"
#include "tests/support/test_frames.h"

namespace tapswitch::bridge_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr PortId kA{0};
constexpr PortId kB{1};
constexpr PortId kC{2};

constexpr MacAddress Station(uint64_t n) { return MacAddress::FromNumber(0x020000000000 + n); }

// A bridge of three ports, to which single frames are shown.
class BridgeTest : public ::testing::Test {
 protected:
  BridgeTest() {
    for (const PortId port : {kA, kB, kC}) egress_.AddPort(port);
    SetView();
  }

  void SetView() { bridge_.SetView(ForwardingView(ports_)); }

  // Which ports the frame leaves by.
  std::vector<uint16_t> Process(PortId ingress, std::span<const std::byte> bytes) {
    const Frame frame = frames_.Plain(ingress, bytes);
    egress_.Clear();
    bridge_.Process({&frame, 1}, now_, egress_);
    std::vector<uint16_t> ports;
    egress_.used().ForEach([&](PortId port) {
      EXPECT_EQ(egress_.of(port).size(), 1U);
      ports.push_back(port.value);
    });
    return ports;
  }

  std::vector<uint16_t> Send(PortId ingress, MacAddress source, MacAddress destination) {
    return Process(ingress,
                   FrameBuilder(destination, source).Type(EtherType::kIpv4).Pad(60).Build());
  }

  uint64_t Dropped(PortId port, DropReason reason) {
    return bridge_.counters(port).dropped(reason);
  }

  TestFrames frames_;
  EgressLists egress_;
  std::vector<PortForwarding> ports_{{.id = kA}, {.id = kB}, {.id = kC}};
  Bridge bridge_{{.capacity = 64, .ageing = {30000}, .salt = 7}};
  Tick now_{1000};
};

TEST_F(BridgeTest, AnUnknownDestinationIsFloodedToAllButTheIngress) {
  EXPECT_THAT(Send(kA, Station(1), Station(2)), ElementsAre(1, 2));
  EXPECT_EQ(bridge_.counters(kA).forwarded, 1U);
}

TEST_F(BridgeTest, AKnownDestinationIsForwardedToItsPortOnly) {
  Send(kB, Station(2), Station(9));
  EXPECT_THAT(Send(kA, Station(1), Station(2)), ElementsAre(1));
}

TEST_F(BridgeTest, AFrameTeachesEvenWhenItGoesNowhere) {
  Send(kB, Station(2), Station(2));
  EXPECT_THAT(Send(kA, Station(1), Station(2)), ElementsAre(1));
}

TEST_F(BridgeTest, BroadcastAndMulticastAreFlooded) {
  EXPECT_THAT(Send(kB, Station(2), kBroadcastAddress), ElementsAre(0, 2));
  EXPECT_THAT(Send(kC, Station(3), *MacAddress::Parse("33:33:00:00:00:01")), ElementsAre(0, 1));
}

TEST_F(BridgeTest, ADestinationOnTheIngressPortIsNotForwarded) {
  Send(kA, Station(1), kBroadcastAddress);
  EXPECT_THAT(Send(kA, Station(2), Station(1)), IsEmpty());
  EXPECT_EQ(Dropped(kA, DropReason::kSamePort), 1U);
}

TEST_F(BridgeTest, AStationThatMovesIsFollowed) {
  Send(kB, Station(2), kBroadcastAddress);
  Send(kC, Station(2), kBroadcastAddress);
  EXPECT_THAT(Send(kA, Station(1), Station(2)), ElementsAre(2));
}

TEST_F(BridgeTest, AnExpiredAddressIsUnknownAgain) {
  Send(kB, Station(2), kBroadcastAddress);
  now_ = now_ + Ticks{30001};
  EXPECT_THAT(Send(kA, Station(1), Station(2)), ElementsAre(1, 2));
}

TEST_F(BridgeTest, ReservedAddressesAreNotForwardedAndDoNotTeach) {
  for (uint64_t last = 0; last < 16; ++last) {
    EXPECT_THAT(Send(kA, Station(1), MacAddress::FromNumber(0x0180C2000000 + last)), IsEmpty());
  }
  EXPECT_EQ(Dropped(kA, DropReason::kReservedAddress), 16U);
  EXPECT_EQ(bridge_.table().size(), 0U);
  EXPECT_THAT(Send(kA, Station(1), MacAddress::FromNumber(0x0180C2000010)), ElementsAre(1, 2));
}

TEST_F(BridgeTest, BadSourcesAreDroppedAndDoNotTeach) {
  EXPECT_THAT(Send(kA, kBroadcastAddress, Station(2)), IsEmpty());
  EXPECT_THAT(Send(kA, *MacAddress::Parse("01:00:5e:00:00:01"), Station(2)), IsEmpty());
  EXPECT_THAT(Send(kA, MacAddress(), Station(2)), IsEmpty());
  EXPECT_EQ(Dropped(kA, DropReason::kSourceMulticast), 2U);
  EXPECT_EQ(Dropped(kA, DropReason::kSourceZero), 1U);
  EXPECT_EQ(bridge_.table().size(), 0U);
}

TEST_F(BridgeTest, RuntsAreDropped) {
  const auto frame = FrameBuilder(Station(2), Station(1)).Type(EtherType::kIpv4).Build();
  EXPECT_THAT(Process(kA, std::span(frame).first(13)), IsEmpty());
  EXPECT_EQ(Dropped(kA, DropReason::kRunt), 1U);
  EXPECT_THAT(Process(kA, frame), ElementsAre(1, 2)) << "14 bytes are a frame";
}

TEST_F(BridgeTest, TagsArePayloadWhileVlansAreNotFiltered) {
  const auto tagged = [](uint16_t vid, MacAddress to, MacAddress from) {
    return FrameBuilder(to, from).Tag(EtherType::kVlan, vid).Type(EtherType::kIpv4).Pad(64).Build();
  };
  Process(kB, tagged(10, kBroadcastAddress, Station(2)));
  EXPECT_THAT(Process(kA, tagged(20, Station(2), Station(1))), ElementsAre(1));
}

TEST_F(BridgeTest, ThePortStateGovernsForwardingAndLearning) {
  struct Case {
    PortState state;
    bool learns;
    bool forwards;
  };
  for (const Case& c :
       {Case{PortState::kDisabled, false, false}, Case{PortState::kListening, false, false},
        Case{PortState::kLearning, true, false}, Case{PortState::kForwarding, true, true},
        Case{PortState::kBlocking, false, false}}) {
    SCOPED_TRACE(static_cast<int>(c.state));
    bridge_.table().FlushAll();
    ports_[0].state = c.state;
    SetView();
    const uint64_t before = Dropped(kA, DropReason::kPortState);
    EXPECT_EQ(!Send(kA, Station(1), kBroadcastAddress).empty(), c.forwards);
    EXPECT_EQ(Dropped(kA, DropReason::kPortState) - before, c.forwards ? 0U : 1U);
    EXPECT_EQ(bridge_.table().Lookup(kNoVlan, Station(1), now_).has_value(), c.learns);
    const auto flooded = Send(kB, Station(2), kBroadcastAddress);
    EXPECT_EQ(flooded.front() == 0, c.forwards);
  }
}

TEST_F(BridgeTest, AKnownDestinationBehindABlockedPortIsDropped) {
  Send(kB, Station(2), kBroadcastAddress);
  ports_[1].state = PortState::kBlocking;
  SetView();
  EXPECT_THAT(Send(kA, Station(1), Station(2)), IsEmpty());
  EXPECT_EQ(Dropped(kA, DropReason::kEgressBlocked), 1U);
}

TEST_F(BridgeTest, FloodFlagsEachCoverTheirKindOfFrame) {
  ports_[2].flood = false;
  SetView();
  EXPECT_THAT(Send(kA, Station(1), Station(9)), ElementsAre(1));
  EXPECT_THAT(Send(kA, Station(1), kBroadcastAddress), ElementsAre(1, 2));
  ports_[2] = {.id = kC, .mcast_flood = false};
  SetView();
  EXPECT_THAT(Send(kA, Station(1), *MacAddress::Parse("33:33:00:00:00:01")), ElementsAre(1));
  EXPECT_THAT(Send(kA, Station(1), Station(9)), ElementsAre(1, 2));
  ports_[2] = {.id = kC, .bcast_flood = false};
  SetView();
  EXPECT_THAT(Send(kA, Station(1), kBroadcastAddress), ElementsAre(1));
}

TEST_F(BridgeTest, IsolatedPortsReachOnlyPortsThatAreNot) {
  ports_[0].isolated = true;
  ports_[1].isolated = true;
  SetView();
  EXPECT_THAT(Send(kA, Station(1), kBroadcastAddress), ElementsAre(2));
  EXPECT_THAT(Send(kC, Station(3), kBroadcastAddress), ElementsAre(0, 1));
  EXPECT_THAT(Send(kB, Station(2), Station(1)), IsEmpty());
  EXPECT_EQ(Dropped(kB, DropReason::kEgressBlocked), 1U);
}

// Split horizon: another machine sends by itself to all that it reaches.
TEST_F(BridgeTest, TunnelsReachNoTunnelAndAllElse) {
  ports_[0].is_tunnel = true;
  ports_[0].hairpin = true;
  ports_[1].is_tunnel = true;
  SetView();
  EXPECT_THAT(Send(kA, Station(1), kBroadcastAddress), ElementsAre(2));
  EXPECT_THAT(Send(kC, Station(3), kBroadcastAddress), ElementsAre(0, 1));
  EXPECT_THAT(Send(kB, Station(2), Station(1)), IsEmpty());
  EXPECT_EQ(Dropped(kB, DropReason::kEgressBlocked), 1U);
  ports_[2].isolated = true;
  SetView();
  EXPECT_THAT(Send(kA, Station(1), kBroadcastAddress), ElementsAre(2))
      << "not the same as isolated";
}

TEST_F(BridgeTest, HairpinSendsBackWhereItCameFrom) {
  ports_[0].hairpin = true;
  SetView();
  EXPECT_THAT(Send(kA, Station(1), kBroadcastAddress), ElementsAre(0, 1, 2));
  EXPECT_THAT(Send(kA, Station(2), Station(1)), ElementsAre(0));
}

TEST_F(BridgeTest, APortThatDoesNotLearnLeavesTheTableAlone) {
  ports_[0].learning = false;
  SetView();
  Send(kA, Station(1), kBroadcastAddress);
  EXPECT_EQ(bridge_.table().size(), 0U);
}

TEST_F(BridgeTest, AFrameToTheBridgeItselfIsConsumed) {
  ASSERT_TRUE(bridge_.table().Set(
      {.vlan = kNoVlan, .address = Station(77), .port = kB, .state = MacEntryState::kPermanent},
      now_));
  EXPECT_THAT(Send(kA, Station(1), Station(77)), IsEmpty());
  EXPECT_EQ(Dropped(kA, DropReason::kLocalAddress), 1U);
}

TEST_F(BridgeTest, AStaticEntryWithSeveralPortsGoesToAllThatMaySendIt) {
  const auto append = [&](PortId port) {
    ASSERT_TRUE(
        bridge_.table().Append({.vlan = kNoVlan, .address = Station(7), .port = port}, now_));
  };
  append(kB);
  append(kC);
  EXPECT_THAT(Send(kA, Station(1), Station(7)), ElementsAre(1, 2));
  EXPECT_THAT(Send(kB, Station(2), Station(7)), ElementsAre(2));
  ports_[1].state = PortState::kBlocking;
  ports_[2].flood = false;
  SetView();
  EXPECT_THAT(Send(kA, Station(1), Station(7)), ElementsAre(2)) << "it is known: no flooding";
  ports_[2].state = PortState::kBlocking;
  SetView();
  EXPECT_THAT(Send(kA, Station(1), Station(7)), IsEmpty());
  EXPECT_EQ(Dropped(kA, DropReason::kEgressBlocked), 1U);
}

TEST_F(BridgeTest, ALockedPortTakesFramesOnlyFromStationsKnownToBeBehindIt) {
  const auto set = [&](uint64_t station, PortId port, MacEntryState state) {
    ASSERT_TRUE(bridge_.table().Set(
        {.vlan = kNoVlan, .address = Station(station), .port = port, .state = state}, now_));
  };
  ports_[0].locked = true;
  SetView();
  set(1, kA, MacEntryState::kStatic);
  set(2, kB, MacEntryState::kLearned);
  set(3, kA, MacEntryState::kPermanent);
  EXPECT_THAT(Send(kA, Station(1), kBroadcastAddress), ElementsAre(1, 2));
  EXPECT_THAT(Send(kA, Station(2), kBroadcastAddress), IsEmpty()) << "known elsewhere";
  EXPECT_THAT(Send(kA, Station(3), kBroadcastAddress), IsEmpty()) << "the bridge's own";
  EXPECT_THAT(Send(kA, Station(4), kBroadcastAddress), IsEmpty()) << "unknown";
  EXPECT_EQ(Dropped(kA, DropReason::kLocked), 3U);
  EXPECT_EQ(bridge_.table().Lookup(kNoVlan, Station(4), now_), std::nullopt);
  EXPECT_EQ(bridge_.table().Lookup(kNoVlan, Station(2), now_)->port, kB) << "nothing was learned";
  EXPECT_THAT(Send(kB, Station(2), Station(1)), ElementsAre(0)) << "it sends as any other";
}

TEST_F(BridgeTest, AStationWithSeveralPortsMayComeByEachLockedOneOfThem) {
  ports_[0].locked = ports_[1].locked = ports_[2].locked = true;
  SetView();
  for (const PortId port : {kA, kB}) {
    ASSERT_TRUE(
        bridge_.table().Append({.vlan = kNoVlan, .address = Station(7), .port = port}, now_));
  }
  EXPECT_THAT(Send(kA, Station(7), kBroadcastAddress), ElementsAre(1, 2));
  EXPECT_THAT(Send(kB, Station(7), kBroadcastAddress), ElementsAre(0, 2));
  EXPECT_THAT(Send(kC, Station(7), kBroadcastAddress), IsEmpty());
}

TEST_F(BridgeTest, ReservedAddressesAndPortStatesComeBeforeTheLock) {
  ports_[0].locked = true;
  SetView();
  Send(kA, Station(1), MacAddress::FromNumber(0x0180C2000003));
  EXPECT_EQ(Dropped(kA, DropReason::kReservedAddress), 1U);
  ports_[0].state = PortState::kBlocking;
  SetView();
  Send(kA, Station(1), kBroadcastAddress);
  EXPECT_EQ(Dropped(kA, DropReason::kPortState), 1U);
  ports_[0].state = PortState::kLearning;
  SetView();
  Send(kA, Station(1), kBroadcastAddress);
  EXPECT_EQ(Dropped(kA, DropReason::kLocked), 1U);
  EXPECT_EQ(bridge_.table().size(), 0U);
}

TEST_F(BridgeTest, WhatFramesTeachIsCountedUnlessItIsKnown) {
  MacTable& table = bridge_.table();
  const auto set = [&](uint64_t station, MacEntryState state) {
    ASSERT_TRUE(table.Set(
        {.vlan = kNoVlan, .address = Station(station), .port = kC, .state = state}, now_));
  };
  set(3, MacEntryState::kStatic);
  set(4, MacEntryState::kPermanent);
  table.set_max_learned(kA, 1);
  for (const uint64_t station : {1U, 1U, 2U, 3U, 4U}) Send(kA, Station(station), Station(9));
  Send(kB, Station(1), Station(9));
  table.set_ageing(Ticks{0});
  Send(kB, Station(5), Station(9));
  const auto counted = [&](PortId port) {
    std::vector<uint64_t> counts;
    for (const uint64_t count : bridge_.counters(port).learning) counts.push_back(count);
    return counts;
  };
  // Refreshed, learned, moved, pinned, local, limited, refused.
  EXPECT_THAT(counted(kA), ElementsAre(0, 1, 0, 1, 1, 1, 0));
  EXPECT_THAT(counted(kB), ElementsAre(0, 0, 1, 0, 0, 0, 1));
}

TEST_F(BridgeTest, WithNowhereToFloodTheFrameIsCounted) {
  ports_ = {{.id = kA}};
  SetView();
  EXPECT_THAT(Send(kA, Station(1), kBroadcastAddress), IsEmpty());
  EXPECT_EQ(Dropped(kA, DropReason::kNoEgress), 1U);
}

}  // namespace
}  // namespace tapswitch::bridge_test
