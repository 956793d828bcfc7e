// Storm control: what of the frames that are flooded gets through, and what is said of the rest.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/guarded_bridge.h"

namespace tapswitch::storm_control_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto S = GuardedStation;
constexpr MacAddress kGroup = MacAddress::FromNumber(0x01005E000001);

class StormControlTest : public GuardedBridge {
 protected:
  void Limit(StormKind kind, StormControl::Rate rate) {
    ports_[0].storm.rates[static_cast<size_t>(kind)] = rate;
    SetView();
  }
  uint64_t Stormed(StormKind kind) { return bridge_.counters(kA).storm[static_cast<size_t>(kind)]; }
};

TEST_F(StormControlTest, EachKindHasARateOfItsOwn) {
  Limit(StormKind::kBroadcast, {.per_second = 100});
  Limit(StormKind::kMulticast, {.per_second = 200});
  Limit(StormKind::kUnknownUnicast, {.per_second = 300});
  EXPECT_EQ(CountPassed(100, kA, S(1), kBroadcastAddress), 10) << "100 ms of burst";
  EXPECT_EQ(CountPassed(100, kA, S(1), kGroup), 20);
  EXPECT_EQ(CountPassed(100, kA, S(1), S(2)), 30);
  EXPECT_EQ(Stormed(StormKind::kBroadcast), 90U);
  EXPECT_EQ(Stormed(StormKind::kMulticast), 80U);
  EXPECT_EQ(Stormed(StormKind::kUnknownUnicast), 70U);
  EXPECT_EQ(Dropped(kA, DropReason::kStorm), 240U);
}

TEST_F(StormControlTest, WhatIsNotLimitedOrNotFloodedPasses) {
  Limit(StormKind::kUnknownUnicast, {.per_second = 1});
  Passes(kB, S(2), S(9));
  ASSERT_TRUE(bridge_.table().Append({.vlan = kNoVlan, .address = S(3), .port = kB}, now_));
  ASSERT_TRUE(bridge_.table().Append({.vlan = kNoVlan, .address = S(3), .port = kC}, now_));
  EXPECT_EQ(CountPassed(100, kA, S(1), kBroadcastAddress), 100);
  EXPECT_EQ(CountPassed(100, kA, S(1), S(2)), 100) << "known";
  EXPECT_EQ(CountPassed(100, kA, S(1), S(3)), 100) << "known behind two ports";
  EXPECT_EQ(CountPassed(100, kB, S(2), S(9)), 100) << "another port";
  EXPECT_EQ(CountPassed(100, kA, S(1), S(9)), 1);
}

TEST_F(StormControlTest, BitsAreThoseOfWholeFrames) {
  ports_[0].storm.burst = {100};
  Limit(StormKind::kBroadcast, {.per_second = 60 * 8 * 5, .in_bits = true});
  EXPECT_EQ(CountPassed(100, kA, S(1), kBroadcastAddress), 5);
  Pass({20});
  EXPECT_EQ(CountPassed(100, kA, S(1), kBroadcastAddress), 1);
}

TEST_F(StormControlTest, AFrameThatWillBeSegmentedIsMany) {
  Limit(StormKind::kBroadcast, {.per_second = 100});
  const auto bytes = FrameBuilder(kBroadcastAddress, S(1)).Type(EtherType::kIpv4).Pad(4042).Build();
  Frame frame = frames_.Plain(kA, bytes);
  frame.offload = {.gso = GsoType::kUdpL4, .header_length = 42, .gso_size = 1000};
  int passed = 0;
  for (int i = 0; i < 10; ++i) passed += Passes(frame) ? 1 : 0;
  EXPECT_EQ(passed, 3) << "4 segments each, the last on credit";
}

TEST_F(StormControlTest, AnEpisodeIsReportedOnce) {
  Limit(StormKind::kBroadcast, {.per_second = 100});
  for (int second = 0; second < 30; ++second) {
    CountPassed(200, kA, S(1), kBroadcastAddress);
    Pass({100});
  }
  EXPECT_THAT(TakeAlarms(), ElementsAre(Alarm{.kind = Alarm::Kind::kStorm,
                                              .storm = StormKind::kBroadcast,
                                              .port = kA,
                                              .address = S(1),
                                              .recovery = kDefaultRecovery}));
  Pass({900});
  CountPassed(200, kA, S(1), kBroadcastAddress);
  EXPECT_THAT(TakeAlarms(), SizeIs(1)) << "ten seconds of calm have ended it";
}

TEST_F(StormControlTest, AnActionThatIsSetDuringAnEpisodeTakesEffect) {
  Limit(StormKind::kBroadcast, {.per_second = 100});
  CountPassed(100, kA, S(1), kBroadcastAddress);
  EXPECT_THAT(TakeAlarms(), SizeIs(1));
  ports_[0].storm.shuts_down = true;
  SetView();
  CountPassed(100, kA, S(1), kBroadcastAddress);
  const auto alarms = TakeAlarms();
  ASSERT_THAT(alarms, SizeIs(1));
  EXPECT_TRUE(alarms[0].shut_down);
}

TEST_F(StormControlTest, AnotherViewGoesOnWithTheBucketOfTheOneBefore) {
  Limit(StormKind::kBroadcast, {.per_second = 100});
  CountPassed(100, kA, S(1), kBroadcastAddress);
  SetView();
  EXPECT_EQ(CountPassed(100, kA, S(1), kBroadcastAddress), 0);
  bridge_.port_guards().Forget(kA);
  EXPECT_EQ(CountPassed(100, kA, S(1), kBroadcastAddress), 10);
}

TEST_F(StormControlTest, ALostAlarmIsRaisedAgain) {
  Limit(StormKind::kBroadcast, {.per_second = 100});
  while (bridge_.port_guards().alarms().Raise({})) {
  }
  CountPassed(100, kA, S(1), kBroadcastAddress);
  TakeAlarms();
  CountPassed(1, kA, S(1), kBroadcastAddress);
  EXPECT_THAT(TakeAlarms(), SizeIs(1));
}

TEST_F(StormControlTest, WhoeverDrivesTheBridgeIsToldToShutThePortDown) {
  ports_[0].storm.shuts_down = true;
  ports_[0].storm.recovery = {500};
  Limit(StormKind::kBroadcast, {.per_second = 100});
  CountPassed(11, kA, S(1), kBroadcastAddress);
  const auto alarms = TakeAlarms();
  ASSERT_THAT(alarms, SizeIs(1));
  EXPECT_TRUE(alarms[0].shut_down);
  EXPECT_EQ(alarms[0].recovery, Ticks{500});

  ports_[0].shut_down = true;
  ports_[0].state = PortState::kDisabled;
  SetView();
  EXPECT_FALSE(Passes(kA, S(1), S(2)));
  EXPECT_EQ(Dropped(kA, DropReason::kShutDown), 1U);
  EXPECT_EQ(Dropped(kA, DropReason::kPortState), 0U);
  EXPECT_THAT(TakeAlarms(), IsEmpty());
}

}  // namespace
}  // namespace tapswitch::storm_control_test
