// Conversations that the kernel carries are looked at again: their stations do not age while they
// are used, and those that are not used are taken back; so are, for a moment, those that may leave
// joined.

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <vector>

#include "switch/workers/offload/flow_offload.h"
#include "tests/support/flow_offload_fixture.h"

namespace tapswitch::flow_offload_scan_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class FlowOffloadScanTest : public FlowOffloadFixture {};

// ---- Stations that are seen, and those that are not

TEST_F(FlowOffloadScanTest, NothingIsToBeDoneWithoutFlows) {
  EXPECT_EQ(flows().patience(rig_->now()), std::nullopt);
  Begin();
  rig_->Pass(milliseconds(10));
  const auto patience = flows().patience(rig_->now());
  ASSERT_TRUE(patience.has_value());
  EXPECT_LE(*patience, seconds(1));
}

TEST_F(FlowOffloadScanTest, TheSourceOfAFlowThatIsUsedDoesNotAge) {
  static_cast<void>(table().Set(
      {.vlan = kNoVlan, .address = kDestination, .port = kB, .state = MacEntryState::kStatic},
      rig_->now()));
  flows().Follow();
  Begin();
  for (int i = 0; i < 100; ++i) {
    rig_->Pass(seconds(10));
    ASSERT_EQ(Send(), kCarried) << i;
  }
}

TEST_F(FlowOffloadScanTest, ItDoesNotKeepTheDestination) {
  Begin();
  for (int i = 0; i < 31; ++i) {
    rig_->Pass(seconds(10));
    static_cast<void>(Send());
  }
  EXPECT_FALSE(IsKnown(kDestination));
  EXPECT_TRUE(IsKnown(kSource));
  EXPECT_EQ(Send(), kToSwitch);
}

// The bridge would have seen it.
TEST_F(FlowOffloadScanTest, AStationThatIsSeenJustBeforeItWouldBeForgottenIsNot) {
  table().set_ageing(Ticks{1000});
  static_cast<void>(table().Set(
      {.vlan = kNoVlan, .address = kDestination, .port = kB, .state = MacEntryState::kStatic},
      rig_->now()));
  flows().Follow();
  Begin();
  rig_->Pass(Ticks{1010});  // it was last seen by the first look, after 25
  ASSERT_TRUE(IsKnown(kSource));
  ASSERT_EQ(Send(), kCarried);
  rig_->Pass(Ticks{100});
  EXPECT_TRUE(IsKnown(kSource));
  EXPECT_EQ(Send(), kCarried);
  rig_->Pass(Ticks{1100});
  EXPECT_FALSE(IsKnown(kSource)) << "nobody has seen it";
}

TEST_F(FlowOffloadScanTest, AFlowThatIsNotUsedIsTakenBack) {
  Begin();
  rig_->Pass(seconds(25));
  EXPECT_EQ(Send(), kCarried);
  rig_->Pass(seconds(25));
  EXPECT_EQ(flows().size(), 1U);
  rig_->Pass(seconds(10));
  EXPECT_EQ(flows().size(), 0U);
  EXPECT_FALSE(InKernel().has_value());
  EXPECT_TRUE(IsKnown(kSource)) << "its stations are known as before";
  EXPECT_EQ(flows().patience(rig_->now()), std::nullopt);
}

// ---- Room

TEST_F(FlowOffloadScanTest, MoreThanThereIsRoomForIsRefusedAndCounted) {
  constexpr int kStations = 128;
  for (int i = 0; i < kStations; ++i) {
    Learn(Station(100 + i), kA);
    Learn(Station(300 + i), kB);
  }
  for (int from = 0; from < kStations; ++from) {
    for (int to = 0; to < kStations; ++to) SendEnough(Station(100 + from), Station(300 + to));
  }
  ASSERT_EQ(flows().size(), size_t{TAPSWITCH_MOST_FLOWS});
  EXPECT_EQ(flows().refused(), 0U);
  SendEnough();
  EXPECT_EQ(flows().refused(), 1U);
  EXPECT_EQ(Send(), kToSwitch);
  SendEnough();
  EXPECT_EQ(flows().refused(), 1U) << "it is held off";
  static_cast<void>(table().Erase(kNoVlan, Station(100)));
  flows().Follow();
  Learn(Station(50), kA);
  SendEnough(Station(50));
  EXPECT_EQ(Send(Station(50)), kCarried) << "there is room again";
}

// The cells that count for each port in each VLAN are given out for good.
TEST_F(FlowOffloadScanTest, WhatIsRefusedLeavesNothingOfAnEarlierFlowInTheKernel) {
  SendEnough();
  ASSERT_TRUE(InKernel().has_value());
  KernelTraffic& traffic = flows().traffic();
  for (uint16_t port = 100; traffic.CellOf(kNoVlan, {port}); ++port) {
    for (uint16_t vlan = 1; vlan < kVlanCount; ++vlan) {
      static_cast<void>(traffic.CellOf(VlanId{vlan}, {port}));
    }
  }
  constexpr VlanId kTen{10};
  for (PortForwarding& port : ports_) {
    port.vlans.members.insert(kTen);
    port.vlans.untagged.insert(kTen);
    port.vlans.pvid = kTen;
  }
  SetView({.vlan_filtering = true});
  table().Learn(kTen, kSource, kA, rig_->now());
  table().Learn(kTen, kDestination, kB, rig_->now());
  SendEnough();
  EXPECT_EQ(flows().refused(), 1U);
  EXPECT_EQ(flows().size(), 0U);
  EXPECT_FALSE(InKernel().has_value());
}

// ---- Small frames that may leave joined

class JoinableTest : public FlowOffloadFixture {
 protected:
  static constexpr uint64_t kMany = 100'000;

  // Whether the conversation is given back when so many frames come within a second.
  [[nodiscard]] bool IsGivenBack(uint64_t frames, uint64_t size,
                                 EtherType type = EtherType::kIpv4) {
    constexpr int kParts = 4;
    for (int part = 0; part < kParts && InKernel(); ++part) {
      Hit(frames / kParts, size, Key(), type);
      rig_->Pass(milliseconds(1000 / kParts));
    }
    return !InKernel();
  }
};

TEST_F(JoinableTest, ManySmallFramesAreGivenBackOnceAMinute) {
  SendEnough();
  EXPECT_TRUE(IsGivenBack(kMany, 60));
  SendEnough();
  EXPECT_FALSE(IsGivenBack(kMany, 60)) << "it was tried";
  for (int i = 0; i < 58; ++i) EXPECT_FALSE(IsGivenBack(10, 60));
  EXPECT_TRUE(IsGivenBack(kMany, 60));
}

TEST_F(JoinableTest, FewOrLargeFramesAreNot) {
  SendEnough();
  EXPECT_FALSE(IsGivenBack(40'000, 60));
  EXPECT_FALSE(IsGivenBack(kMany, 1400));
}

// Nothing joins them.
TEST_F(JoinableTest, WhatIsNotIpIsNot) {
  SendEnough();
  EXPECT_FALSE(IsGivenBack(kMany, 60, EtherType::kArp));
  EXPECT_TRUE(IsGivenBack(kMany, 60, EtherType::kIpv6));
}

TEST_F(JoinableTest, AFourthOfASecondIsEnoughToFindThem) {
  SendEnough();
  Hit(kMany / 4, 60);
  rig_->Pass(milliseconds(250));
  EXPECT_FALSE(InKernel().has_value());
}

TEST_F(JoinableTest, MoreThanTheSwitchItselfCouldCarryAreNot) {
  SendEnough();
  EXPECT_FALSE(IsGivenBack(10 * kMany, 60));
  EXPECT_TRUE(IsGivenBack(kMany, 60));
}

TEST_F(JoinableTest, WhereNothingIsJoinedNeitherAreSmallOnes) {
  ports_[1].gro = false;
  SetView();
  SendEnough();
  EXPECT_FALSE(IsGivenBack(kMany, 60));
}

TEST_F(JoinableTest, TheRateOfANewFlowIsThatSinceItIsThere) {
  SendEnough();
  EXPECT_FALSE(IsGivenBack(1, 60));
  Learn(kDestination, kC);
  Learn(kDestination, kB);
  flows().Follow();
  ASSERT_EQ(flows().size(), 0U);
  rig_->Pass(seconds(100));
  SendEnough();
  EXPECT_TRUE(IsGivenBack(kMany, 60));
}

// Two processors that count at once may take back what the other has counted.
TEST_F(JoinableTest, ACountThatWentBackIsNoHighRate) {
  SendEnough();
  EXPECT_FALSE(IsGivenBack(1000, 60));
  auto flow = InKernel();
  flow->hits -= 5;
  flow->bytes += 60;
  ASSERT_TRUE(kernel().Put(Key(), *flow).ok());
  rig_->Pass(seconds(1));
  EXPECT_TRUE(InKernel().has_value());
}

TEST_F(JoinableTest, WhatWasTriedIsNotTriedAgainForTheSakeOfOthers) {
  SendEnough();
  ASSERT_TRUE(IsGivenBack(kMany, 60));
  constexpr int kOthers = 1100;
  Learn(Station(3), kA);
  for (int i = 0; i < kOthers; ++i) {
    const MacAddress destination = Station(100 + i % 900);
    const MacAddress source = i < 900 ? kSource : Station(3);
    if (i < 900) Learn(destination, kB);
    SendEnough(source, destination);
    Hit(kMany, 60, Key(source, destination));
  }
  rig_->Pass(seconds(1));
  SendEnough();
  EXPECT_FALSE(IsGivenBack(kMany, 60));
}

}  // namespace
}  // namespace tapswitch::flow_offload_scan_test
