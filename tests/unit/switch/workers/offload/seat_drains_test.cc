// How long frames of pending flows are dropped so that these begin, and when not again.

#include "switch/workers/offload/seat_drains.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

namespace tapswitch::seat_drains_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

class SeatDrainsTest : public ::testing::Test {
 protected:
  // Drains the seat for as long as it may be.
  void DrainForLong() {
    drains_.Begin(seat_, time_, now_);
    time_ += SeatDrains::kMostDraining + milliseconds(1);
    EXPECT_TRUE(drains_.IsOver(seat_, time_));
  }
  void GiveUp() {
    drains_.OnGivenUp(seat_, now_);
    drains_.EndAll();
  }
  void Pass(Ticks ticks) { now_ = now_ + ticks; }
  [[nodiscard]] bool Begins() {
    drains_.Begin(seat_, time_, now_);
    const bool has_begun = drains_.has(seat_);
    EXPECT_EQ(counts_.drain != 0, has_begun);
    return has_begun;
  }

  tapswitch_seat counts_{.seen = 1};  // a frame is on its way
  std::shared_ptr<KernelSeat> seat_ = std::make_shared<KernelSeat>(counts_, 7);
  SeatDrains drains_;
  nanoseconds time_ = std::chrono::hours(1);
  Tick now_{1000};
};

// However long a flow of it had been pending by then.
TEST_F(SeatDrainsTest, TheTimeOfADrainCountsFromItsBegin) {
  ASSERT_TRUE(Begins());
  EXPECT_FALSE(drains_.IsOver(seat_, time_ + SeatDrains::kMostDraining));
  EXPECT_TRUE(drains_.IsOver(seat_, time_ + SeatDrains::kMostDraining + milliseconds(1)));
  drains_.EndAll();
  EXPECT_EQ(counts_.drain, 0U);
  EXPECT_TRUE(drains_.empty());
}

TEST_F(SeatDrainsTest, AfterOneInVainThereIsAPauseThatGetsLonger) {
  DrainForLong();
  GiveUp();
  Pass({SeatDrains::kLeastPause.centiseconds - 1});
  EXPECT_FALSE(Begins());
  Pass(Ticks{1});
  EXPECT_TRUE(Begins());
  DrainForLong();
  GiveUp();
  Pass(SeatDrains::kLeastPause);
  EXPECT_FALSE(Begins());
  Pass(SeatDrains::kLeastPause);
  EXPECT_TRUE(Begins());
}

TEST_F(SeatDrainsTest, OneOfASenderThatStoppedWasNotInVain) {
  DrainForLong();
  counts_.done = counts_.seen;
  GiveUp();
  EXPECT_TRUE(Begins());
}

TEST_F(SeatDrainsTest, OneByWhichAFlowBeganEndsThePauses) {
  DrainForLong();
  GiveUp();
  Pass(SeatDrains::kLeastPause);
  ASSERT_TRUE(Begins());
  drains_.OnBegun(seat_);
  DrainForLong();
  GiveUp();
  Pass(SeatDrains::kLeastPause);
  EXPECT_TRUE(Begins()) << "the pause is the shortest again";
}

TEST_F(SeatDrainsTest, WhatNoFlowWaitsForEnds) {
  ASSERT_TRUE(Begins());
  drains_.EndOthers([](const auto&) { return true; });
  EXPECT_TRUE(drains_.has(seat_));
  drains_.EndOthers([](const auto&) { return false; });
  EXPECT_EQ(counts_.drain, 0U);
}

}  // namespace
}  // namespace tapswitch::seat_drains_test
