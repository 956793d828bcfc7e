// Limits of stations, stations that move to and fro, and stations that wait for permission.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switch/forwarding/guards/move_watch.h"
#include "tests/support/guarded_bridge.h"

namespace tapswitch::port_security_test {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto S = GuardedStation;

class StationLimitTest : public GuardedBridge {
 protected:
  void Limit(uint32_t stations, LimitAction action) {
    ports_[0].security.at_limit = action;
    bridge_.table().set_max_learned(kA, stations);
    bridge_.table().set_replaces_at_limit(kA, action == LimitAction::kReplace);
    SetView();
  }
  bool Comes(uint64_t station) { return Passes(kA, S(station), kBroadcastAddress); }
};

TEST_F(StationLimitTest, WithoutAnActionAStationTooManyIsForwardedAndNotLearned) {
  Limit(2, LimitAction::kNone);
  for (uint64_t n = 1; n <= 4; ++n) EXPECT_TRUE(Comes(n));
  EXPECT_EQ(bridge_.table().learned(kA), 2U);
  EXPECT_THAT(TakeAlarms(), IsEmpty());
}

TEST_F(StationLimitTest, DropLetsOnlyTheFirstStationsIn) {
  Limit(2, LimitAction::kDrop);
  EXPECT_TRUE(Comes(1));
  EXPECT_TRUE(Comes(2));
  EXPECT_FALSE(Comes(3));
  EXPECT_FALSE(Comes(4));
  EXPECT_TRUE(Comes(1));
  EXPECT_EQ(Dropped(kA, DropReason::kLearnLimit), 2U);
  const auto alarms = TakeAlarms();
  ASSERT_THAT(alarms, SizeIs(1)) << "an episode";
  EXPECT_EQ(alarms[0].kind, Alarm::Kind::kLearnLimit);
  EXPECT_EQ(alarms[0].address, S(3));
  EXPECT_FALSE(alarms[0].shut_down);
  Pass({30000});
  EXPECT_TRUE(Comes(3)) << "the others have aged";
}

TEST_F(StationLimitTest, TheLimitOfTheBridgeIsNotThePortsFault) {
  Limit(2, LimitAction::kShutDown);
  bridge_.table().set_max_learned(1);
  EXPECT_TRUE(Comes(1));
  EXPECT_TRUE(Comes(2));
  EXPECT_THAT(TakeAlarms(), IsEmpty());
}

TEST_F(StationLimitTest, ShutDownAsksForIt) {
  Limit(1, LimitAction::kShutDown);
  Comes(1);
  EXPECT_FALSE(Comes(2));
  const auto alarms = TakeAlarms();
  ASSERT_THAT(alarms, SizeIs(1));
  EXPECT_TRUE(alarms[0].shut_down);
}

TEST_F(StationLimitTest, ReplaceForgetsTheStationNotSeenForLongest) {
  Limit(2, LimitAction::kReplace);
  Comes(1);
  Pass({1});
  Comes(2);
  Pass({1});
  Comes(1);
  EXPECT_EQ(bridge_.table().WouldEvict(kNoVlan, S(3), kA, now_)->address, S(2));
  EXPECT_EQ(bridge_.table().WouldLearn(kNoVlan, S(3), kA, now_), LearnResult::kLearned);
  EXPECT_TRUE(Comes(3));
  EXPECT_EQ(Behind(S(2)), std::nullopt);
  EXPECT_EQ(Behind(S(1)), kA);
  EXPECT_EQ(Behind(S(3)), kA);
  Passes(kB, S(4), kBroadcastAddress);
  EXPECT_TRUE(Comes(4)) << "one that moves here replaces too";
  EXPECT_EQ(Behind(S(1)), std::nullopt);
  EXPECT_EQ(bridge_.table().learned(kA), 2U);
}

TEST_F(StationLimitTest, ReplaceSparesWhatWasSetByHand) {
  Limit(1, LimitAction::kReplace);
  ASSERT_TRUE(
      bridge_.table().Set({.vlan = kNoVlan, .address = S(9), .port = kA, .by_user = true}, now_));
  Pass({1});
  Comes(1);
  Pass({1});
  Comes(2);
  EXPECT_EQ(Behind(S(9)), kA);
  EXPECT_EQ(Behind(S(1)), std::nullopt);
  EXPECT_EQ(Behind(S(2)), kA);
}

class MacMoveTest : public GuardedBridge {
 protected:
  void Watch(MoveAction action, uint32_t moves = 3, Ticks within = {100}) {
    ports_[0].security = {
        .max_moves = moves, .moves_within = within, .on_moves = action, .recovery = {500}};
    SetView();
  }
  // Of a station to B and back to A.
  void ThereAndBack(int times) {
    for (int i = 0; i < times; ++i) {
      Passes(kB, S(1), kBroadcastAddress);
      Passes(kA, S(1), kBroadcastAddress);
    }
  }
};

TEST_F(MacMoveTest, FewMovesAreNoNews) {
  Watch(MoveAction::kDamp);
  for (int i = 0; i < 20; ++i) {
    ThereAndBack(2);
    Pass({100});
  }
  EXPECT_THAT(TakeAlarms(), IsEmpty());
  EXPECT_EQ(Behind(S(1)), kA);
}

TEST_F(MacMoveTest, AFlappingStationIsReportedOnceAnEpisode) {
  Watch(MoveAction::kLog);
  for (int i = 0; i < 20; ++i) {
    ThereAndBack(4);
    Pass({100});
  }
  const auto alarms = TakeAlarms();
  ASSERT_THAT(alarms, SizeIs(1));
  EXPECT_EQ(alarms[0].kind, Alarm::Kind::kMacMoves);
  EXPECT_EQ(alarms[0].address, S(1));
  EXPECT_EQ(alarms[0].port, kA);
  EXPECT_EQ(alarms[0].other, kB);
  EXPECT_FALSE(alarms[0].damped);
  Pass({1000});
  ThereAndBack(4);
  EXPECT_THAT(TakeAlarms(), SizeIs(1));
}

TEST_F(MacMoveTest, ADampedStationStaysForATimeWhereItIs) {
  Watch(MoveAction::kDamp);
  ThereAndBack(4);
  EXPECT_THAT(TakeAlarms(), SizeIs(1));
  Passes(kB, S(1), kBroadcastAddress);
  EXPECT_EQ(Behind(S(1)), kA);
  Passes(kC, S(1), kBroadcastAddress);
  EXPECT_EQ(Behind(S(1)), kA) << "also when it comes by a port that watches nothing";
  Pass({499});
  Passes(kB, S(1), kBroadcastAddress);
  EXPECT_EQ(Behind(S(1)), kA);
  Pass({1});
  Passes(kB, S(1), kBroadcastAddress);
  EXPECT_EQ(Behind(S(1)), kB);
  Passes(kA, S(1), kBroadcastAddress);
  EXPECT_EQ(Behind(S(1)), kA) << "and it moves again";
}

TEST_F(MacMoveTest, SettingTheEntryByHandEndsTheHold) {
  Watch(MoveAction::kDamp);
  ThereAndBack(4);
  ASSERT_TRUE(bridge_.table().Set({.vlan = kNoVlan, .address = S(1), .port = kC}, now_));
  Passes(kB, S(1), kBroadcastAddress);
  EXPECT_EQ(Behind(S(1)), kB);
}

TEST_F(MacMoveTest, ShutDownIsAskedForEachTimeThatThePortIsBack) {
  Watch(MoveAction::kShutDown);
  ThereAndBack(4);
  ThereAndBack(4);
  const auto alarms = TakeAlarms();
  ASSERT_THAT(alarms, SizeIs(2));
  EXPECT_TRUE(alarms[0].shut_down && alarms[1].shut_down);
}

TEST(MoveWatchTest, IsBoundedAndKeepsThoseThatAreHeld) {
  MoveWatch watch(3);
  watch.Hold(kNoVlan, S(1), Tick{1'000'000}, Tick{0});
  for (uint64_t n = 2; n < 20'000; ++n) {
    watch.Note(kNoVlan, S(n), 2, {100}, Tick{n});
  }
  EXPECT_TRUE(watch.IsHeld(kNoVlan, S(1), Tick{999'999}));
  EXPECT_FALSE(watch.IsHeld(kNoVlan, S(1), Tick{1'000'000}));
  EXPECT_FALSE(watch.IsHeld({5}, S(1), Tick{0})) << "another VLAN";
  watch.Hold(kNoVlan, S(1), std::nullopt, Tick{0});
  EXPECT_TRUE(watch.IsHeld(kNoVlan, S(1), Tick{~uint64_t{0} - 1}));
}

class MabTest : public GuardedBridge {
 protected:
  MabTest() {
    ports_[0].locked = ports_[0].mab = true;
    SetView();
  }
  bool Comes(PortId port = kA) { return Passes(port, S(1), kBroadcastAddress); }
  MacEntry Entry() { return *bridge_.table().Find(kNoVlan, S(1), now_); }
};

TEST_F(MabTest, AStrangerIsNotedAndStaysOutside) {
  EXPECT_FALSE(Comes());
  EXPECT_TRUE(Entry().locked);
  EXPECT_EQ(Entry().port, kA);
  EXPECT_FALSE(Comes());
  EXPECT_EQ(Dropped(kA, DropReason::kLocked), 2U);
  EXPECT_TRUE(Passes(kB, S(2), S(1))) << "it may be sent to";
  EXPECT_EQ(bridge_.counters(kB).forwarded, 1U);
}

TEST_F(MabTest, ReplacingTheEntryLetsItIn) {
  Comes();
  ASSERT_TRUE(bridge_.table().Set({.vlan = kNoVlan, .address = S(1), .port = kA}, now_));
  EXPECT_TRUE(Comes());
  EXPECT_FALSE(Entry().locked);
}

TEST_F(MabTest, ALockedEntryIsRefreshedAndAges) {
  Comes();
  Pass({20000});
  Comes();
  Pass({20000});
  EXPECT_TRUE(Entry().locked) << "refreshed";
  Pass({10000});
  EXPECT_EQ(bridge_.table().Find(kNoVlan, S(1), now_), std::nullopt);
}

TEST_F(MabTest, ItMovesToAPortThatIsNotLockedAndIsThenNoLongerLocked) {
  Comes();
  EXPECT_TRUE(Comes(kB));
  EXPECT_EQ(Entry().port, kB);
  EXPECT_FALSE(Entry().locked);
  EXPECT_FALSE(Comes()) << "and does not move back";
  EXPECT_EQ(Entry().port, kB);
}

TEST_F(MabTest, ItDoesNotMoveBetweenLockedPorts) {
  ports_[1].locked = ports_[1].mab = true;
  SetView();
  Comes();
  EXPECT_FALSE(Comes(kB));
  EXPECT_EQ(Entry().port, kA);
}

TEST_F(MabTest, LimitsAndReservedDestinationsHoldHereToo) {
  bridge_.table().set_max_learned(kA, 1);
  Comes();
  EXPECT_FALSE(Passes(kA, S(2), kBroadcastAddress));
  EXPECT_EQ(Behind(S(2)), std::nullopt);
  ports_[0].group_fwd_mask = 0xFFFF;
  bridge_.table().set_max_learned(kA, 0);
  SetView();
  EXPECT_FALSE(Passes(kA, S(3), MacAddress::FromNumber(0x0180C200000E)));
  EXPECT_EQ(Behind(S(3)), std::nullopt);
}

TEST_F(MabTest, WithoutMabALockedPortNotesNobody) {
  ports_[0].mab = false;
  SetView();
  EXPECT_FALSE(Comes());
  EXPECT_EQ(Behind(S(1)), std::nullopt);
}

}  // namespace
}  // namespace tapswitch::port_security_test
