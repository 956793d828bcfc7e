#include "switch/workers/sharing/worker_governor.h"

#include <gtest/gtest.h>

#include <chrono>

namespace tapswitch::worker_governor_test {
namespace {

using Advice = WorkerGovernor::Advice;
using Span = WorkerGovernor::Span;

constexpr Span kPeriod = std::chrono::milliseconds(10);

LoadPeriod Period(double busy, uint64_t work, size_t loaded_ports = 2) {
  const Span time(static_cast<int64_t>(busy * static_cast<double>(kPeriod.count())));
  return {.length = kPeriod,
          .busy = std::min(time, kPeriod),
          .busy_of_all = time,
          .work = work,
          .loaded_ports = loaded_ports};
}

class WorkerGovernorTest : public testing::Test {
 protected:
  // The number of periods until that is advised; `most` if it never is.
  int PeriodsUntil(Advice wanted, const LoadPeriod& period, int most = 100'000) {
    for (int i = 1; i <= most; ++i) {
      if (governor_.OnPeriod(period) == wanted) return i;
    }
    return most + 1;
  }
  bool Never(Advice advice, const LoadPeriod& period) {
    constexpr int kMany = 1000;
    return PeriodsUntil(advice, period, kMany) > kMany;
  }

  // Busy alone, then shared.
  void Share(uint64_t work_alone) {
    ASSERT_LE(PeriodsUntil(Advice::kShare, Period(1, work_alone)), 100'000);
    governor_.OnShared();
  }

  WorkerGovernor governor_;
};

TEST_F(WorkerGovernorTest, SharesWhenOneIsBusyForSomePeriodsOnEnd) {
  EXPECT_EQ(PeriodsUntil(Advice::kShare, Period(1, 100)), WorkerGovernor::kHotPeriods);
  EXPECT_EQ(governor_.OnPeriod(Period(1, 100)), Advice::kShare) << "until it was done";
}

TEST_F(WorkerGovernorTest, ABurstIsNotEnough) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(governor_.OnPeriod(Period(1, 100)), Advice::kStay);
    EXPECT_EQ(governor_.OnPeriod(Period(0.5, 50)), Advice::kStay);
  }
}

TEST_F(WorkerGovernorTest, WhereOnePortBringsAllThereIsNothingToShare) {
  EXPECT_TRUE(Never(Advice::kShare, Period(1, 100, 1)));
}

TEST_F(WorkerGovernorTest, StaysSharedWhereThatCarriesMore) {
  Share(100);
  EXPECT_TRUE(Never(Advice::kGather, Period(2, 130)));
}

TEST_F(WorkerGovernorTest, GathersAtTheEndOfATrialThatDidNotPay) {
  Share(100);
  EXPECT_EQ(PeriodsUntil(Advice::kGather, Period(2, 102)), WorkerGovernor::kTrialPeriods);
  EXPECT_FALSE(governor_.shared());
}

TEST_F(WorkerGovernorTest, TheBeginningOfATrialDoesNotCount) {
  Share(100);
  for (int i = 0; i < WorkerGovernor::kSettlingPeriods; ++i) {
    EXPECT_EQ(governor_.OnPeriod(Period(2, 0)), Advice::kStay);
  }
  EXPECT_TRUE(Never(Advice::kGather, Period(2, 130)));
}

TEST_F(WorkerGovernorTest, TriesLessAndLessOftenWhatDoesNotPay) {
  Span last = Span(0);
  for (int i = 0; i < 10; ++i) {
    Share(100);
    ASSERT_NE(PeriodsUntil(Advice::kGather, Period(2, 100)), 100'001);
    const Span pause = PeriodsUntil(Advice::kShare, Period(1, 100)) * kPeriod;
    EXPECT_GE(pause,
              std::min(WorkerGovernor::kFirstPause * (1 << i), WorkerGovernor::kLongestPause));
    EXPECT_GE(pause, last);
    last = pause;
  }
  EXPECT_LE(last, WorkerGovernor::kLongestPause + WorkerGovernor::kHotPeriods * kPeriod);
}

TEST_F(WorkerGovernorTest, WhatPaysIsTriedAgainSoon) {
  Share(100);
  ASSERT_EQ(PeriodsUntil(Advice::kGather, Period(2, 100)), WorkerGovernor::kTrialPeriods);
  Share(100);
  EXPECT_TRUE(Never(Advice::kGather, Period(2, 200)));
  EXPECT_EQ(PeriodsUntil(Advice::kGather, Period(0.1, 10)), WorkerGovernor::kCoolPeriods);
  EXPECT_EQ(PeriodsUntil(Advice::kShare, Period(1, 100)), WorkerGovernor::kHotPeriods);
}

TEST_F(WorkerGovernorTest, GathersWhereOneWouldDo) {
  Share(100);
  EXPECT_EQ(PeriodsUntil(Advice::kGather, Period(0.5, 200)), WorkerGovernor::kCoolPeriods);
}

TEST_F(WorkerGovernorTest, DoesNothingAtRest) {
  EXPECT_TRUE(Never(Advice::kShare, Period(0, 0, 0)));
}

}  // namespace
}  // namespace tapswitch::worker_governor_test
