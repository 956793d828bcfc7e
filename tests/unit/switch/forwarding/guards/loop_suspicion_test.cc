// Moves of stations that look like a loop.

#include "switch/forwarding/guards/loop_suspicion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/guarded_bridge.h"

namespace tapswitch::loop_suspicion_test {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class LoopSuspicionTest : public GuardedBridge {
 protected:
  void Comes(PortId port, uint64_t station) {
    Passes(port, GuardedStation(station), kBroadcastAddress);
  }

  // A frame goes round, and so its station is seen at both ends in turn.
  void GoRound(uint32_t times) {
    for (uint32_t i = 0; i < times; ++i) {
      Comes(kA, 1);
      Comes(kB, 1);
    }
  }
};

TEST_F(LoopSuspicionTest, AStationThatMovesToAndFroManyTimesASecondIsToldOnce) {
  GoRound(10 * LoopSuspicion::kMovesEachWay);
  const auto alarms = TakeAlarms();
  ASSERT_THAT(alarms, SizeIs(1));
  EXPECT_EQ(alarms[0].kind, Alarm::Kind::kLoopSuspected);
  EXPECT_THAT((std::vector{alarms[0].port, alarms[0].other}), UnorderedElementsAre(kA, kB));
  EXPECT_EQ(alarms[0].address, GuardedStation(1));
  EXPECT_FALSE(alarms[0].shut_down);
}

TEST_F(LoopSuspicionTest, OneThatGoesOnIsNoNewsAndOneThatBeginsAgainIs) {
  GoRound(2 * LoopSuspicion::kMovesEachWay);
  EXPECT_THAT(TakeAlarms(), SizeIs(1));
  for (int second = 0; second < 100; ++second) {
    Pass(LoopSuspicion::kWithin);
    GoRound(2 * LoopSuspicion::kMovesEachWay);
  }
  EXPECT_THAT(TakeAlarms(), IsEmpty());
  Pass(LoopSuspicion::kCalm);
  GoRound(2 * LoopSuspicion::kMovesEachWay);
  EXPECT_THAT(TakeAlarms(), SizeIs(1));
}

TEST_F(LoopSuspicionTest, StationsThatMoveAllInOneDirectionAreNoLoop) {
  bridge_.table().set_max_learned(0);
  for (uint64_t station = 1; station <= 50; ++station) Comes(kA, station);
  for (int again = 0; again < 4; ++again) {
    for (uint64_t station = 1; station <= 50; ++station) Comes(kB, station);
  }
  EXPECT_THAT(TakeAlarms(), IsEmpty());
}

TEST_F(LoopSuspicionTest, AFewMovesASecondAreNoLoop) {
  for (int second = 0; second < 200; ++second) {
    GoRound(LoopSuspicion::kMovesEachWay / 2);
    Pass(LoopSuspicion::kWithin);
  }
  EXPECT_THAT(TakeAlarms(), IsEmpty());
}

TEST_F(LoopSuspicionTest, PairsOfPortsAreCountedByThemselves) {
  // From A to B, from B to C, and from C to A: no pair sees both directions.
  for (uint32_t i = 0; i < 10 * LoopSuspicion::kMovesEachWay; ++i) {
    Comes(kA, 1);
    Comes(kB, 1);
    Comes(kC, 1);
  }
  EXPECT_THAT(TakeAlarms(), IsEmpty());
}

}  // namespace
}  // namespace tapswitch::loop_suspicion_test
