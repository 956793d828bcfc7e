#include "switch/workers/polling/poll_governor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tapswitch::poll_governor_test {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Ge;
using ::testing::Le;
using Span = PollGovernor::Span;

constexpr Span Us(int64_t microseconds) { return Span(microseconds * 1000); }

// Gaps between arrivals, repeated.
std::vector<Span> Repeat(const std::vector<Span>& pattern, size_t times) {
  std::vector<Span> gaps;
  for (size_t i = 0; i < times; ++i) gaps.insert(gaps.end(), pattern.begin(), pattern.end());
  return gaps;
}

// What became of a trace.
struct Played {
  std::vector<Span> windows;  // before each arrival
  size_t polls = 0;
  size_t hits = 0;
  Span polled{0};

  [[nodiscard]] double hit_share(size_t arrivals) const {
    return static_cast<double>(hits) / static_cast<double>(arrivals);
  }
};

// Plays a trace as a worker would. A gap that is slept is noticed later by the time to wake up.
Played Play(PollGovernor& governor, std::span<const Span> gaps, Span wake_up = Us(15)) {
  Played played;
  for (const Span gap : gaps) {
    const Span window = governor.window();
    const bool hit = gap <= window;
    played.windows.push_back(window);
    played.polls += window > Span(0) ? 1 : 0;
    played.hits += hit ? 1 : 0;
    played.polled += std::min(gap, window);
    governor.OnArrival(hit ? gap : gap + wake_up);
  }
  return played;
}

class PollGovernorTest : public ::testing::Test {
 protected:
  Played PlayOn(const std::vector<Span>& pattern, size_t times) {
    const auto gaps = Repeat(pattern, times);
    return Play(governor_, gaps);
  }

  PollGovernor governor_;
};

TEST_F(PollGovernorTest, DoesNotPollBeforeTheFirstFrames) {
  EXPECT_EQ(governor_.window(), Span(0));
}

// One request after the other: all arrivals are polled for, by the smallest window that serves.
TEST_F(PollGovernorTest, PollsForBackToBackRoundTrips) {
  PlayOn({Us(12)}, 10);
  const Played played = PlayOn({Us(12)}, 1000);
  EXPECT_EQ(played.hits, 1000U);
  EXPECT_EQ(governor_.window(), Us(16));
}

// 2,000 round trips a second: it polls for the response, and sleeps until the next request.
TEST_F(PollGovernorTest, PollsForTheResponseOnlyBetweenPacedRequests) {
  PlayOn({Us(480), Us(20)}, 10);
  const Played played = PlayOn({Us(480), Us(20)}, 1000);
  constexpr size_t kTrials = 1000 / PollGovernor::kSleptBeforeTrial;
  EXPECT_EQ(played.hits, 1000U);
  EXPECT_LE(played.polls, 1000U + kTrials);
  EXPECT_LE(played.polled, Us(20) * 1000 + PollGovernor::kWindows.back() * kTrials);
}

// 20,000 round trips a second: both gaps are short enough.
TEST_F(PollGovernorTest, PollsForRequestsThatAreCloseTogether) {
  PlayOn({Us(38), Us(12)}, 10);
  EXPECT_EQ(PlayOn({Us(38), Us(12)}, 1000).hits, 2000U);
}

// 100 round trips a second: the switch is idle in between.
TEST_F(PollGovernorTest, HardlyEverPollsForAFewPingsASecond) {
  const Played played = PlayOn({Us(9'980), Us(20)}, 1000);
  EXPECT_LE(played.polls, 5U);
}

TEST_F(PollGovernorTest, DoesNotPollAfterAnIdleTime) {
  PlayOn({Us(12)}, 100);
  governor_.OnArrival(std::chrono::seconds(1));
  EXPECT_EQ(governor_.window(), Span(0));
}

// Frames 100 us apart are too far from each other to be polled for, and too close to be idle.
TEST_F(PollGovernorTest, SleepsBetweenFramesThatAreTooFarApartButForTrials) {
  constexpr size_t kFrames = 1000;
  EXPECT_LE(PlayOn({Us(100)}, kFrames).polls, kFrames / PollGovernor::kSleptBeforeTrial);
}

// With the wake-ups of both ends, each gap that is slept is longer than any window.
TEST_F(PollGovernorTest, FindsBackToPollsWhereOnlySleepMakesGapsLong) {
  constexpr Span kWakeUp = Us(60);
  PlayOn({Us(300)}, 100);
  const auto gaps = Repeat({Us(35)}, 4 * PollGovernor::kSleptBeforeTrial);
  Play(governor_, gaps, kWakeUp);
  EXPECT_EQ(Play(governor_, gaps, kWakeUp).hits, gaps.size());
}

TEST_F(PollGovernorTest, TriesNothingWhileItRests) {
  PlayOn({Us(300)}, 100);
  governor_.OnContention(Us(3000));
  EXPECT_EQ(PlayOn({Us(100)}, 150).polls, 0U);
}

// A stream that ends costs one poll, however long it was.
TEST_F(PollGovernorTest, PollsOnceAtTheEndOfAStream) {
  PlayOn({Us(5)}, 10'000);
  const Span window = governor_.window();
  EXPECT_THAT(window, AllOf(Ge(Us(5)), Le(PollGovernor::kWindows.back())));
  governor_.OnArrival(std::chrono::seconds(10));
  EXPECT_EQ(governor_.window(), Span(0));
}

TEST_F(PollGovernorTest, GrowsWhileGapsGrow) {
  PlayOn({Us(6)}, 50);
  EXPECT_EQ(governor_.window(), Us(8));
  PlayOn({Us(25)}, 50);
  EXPECT_EQ(governor_.window(), Us(32));
  PlayOn({Us(6)}, 50);
  EXPECT_EQ(governor_.window(), Us(8));
}

// The new pattern outweighs the past after some eight arrivals.
TEST_F(PollGovernorTest, StopsSoonWhenPollsFail) {
  PlayOn({Us(12)}, 1000);
  EXPECT_LE(PlayOn({Us(300)}, 100).polls, 8U);
  EXPECT_GE(PlayOn({Us(12)}, 20).hits, 18U);
}

// Where only a few arrivals are within reach, a poll would cost more than it saves.
TEST_F(PollGovernorTest, SleepsWhereMostPollsFail) {
  PlayOn({Us(40), Us(40), Us(70), Us(70), Us(70), Us(70), Us(70), Us(70)}, 20);
  const Played played = PlayOn({Us(70)}, 700);
  EXPECT_LE(played.polls, 700U / PollGovernor::kSleptBeforeTrial);
}

// In the long run polls cost no more than what their hits are worth, whatever the trace is.
TEST_F(PollGovernorTest, NeverCostsMoreThanItsHitsAreWorth) {
  uint32_t state = 1;
  std::vector<Span> gaps;
  for (int i = 0; i < 100'000; ++i) {
    state = state * 1'664'525U + 1'013'904'223U;
    const unsigned shift = (state >> 28U) % 10;  // gaps from 1 us to 1 ms, each size as often
    gaps.push_back(Us(1 + ((state >> 8U) & ((1U << shift) - 1U))));
  }
  const Played played = Play(governor_, gaps);
  EXPECT_GT(played.hits, 0U);
  EXPECT_LE(played.polled, PollGovernor::kWorthOfHit * static_cast<int64_t>(played.hits));
}

TEST_F(PollGovernorTest, StopsForAWhileWhenAnotherThreadWantsTheProcessor) {
  PlayOn({Us(12)}, 100);
  governor_.OnContention(Us(20));
  EXPECT_GT(governor_.window(), Span(0));  // once may be chance
  for (int i = 0; i < 8; ++i) governor_.OnContention(Us(20));
  EXPECT_EQ(governor_.window(), Span(0));
  PlayOn({Us(12)}, 100);
  EXPECT_EQ(governor_.window(), Us(16));
}

// A thread that computes has the processor for milliseconds once a poll gives way to it, and a
// worker that sleeps would be woken before that.
TEST_F(PollGovernorTest, RestsLongerAndLongerBesideAThreadThatComputes) {
  constexpr Span kSlice = Us(3000);
  Span last(0);
  for (int i = 0; i < 10; ++i) {
    PlayOn({Us(12)}, 100);
    Span rest(0);
    while (governor_.window() == Span(0)) {
      governor_.OnArrival(Us(30));
      rest += Us(30);
    }
    EXPECT_GE(rest, last);
    EXPECT_LE(rest, PollGovernor::kLongestRest + Us(30));
    last = rest;
    governor_.OnContention(kSlice);
    EXPECT_EQ(governor_.window(), Span(0)) << "though polls have paid";
  }
  EXPECT_GE(last, Us(1'000'000));
}

TEST_F(PollGovernorTest, ForgetsThreadsThatHaveGone) {
  for (int i = 0; i < 10; ++i) governor_.OnContention(Us(3000));
  PlayOn({Us(12)}, 300'000);
  ASSERT_GT(governor_.window(), Span(0));
  governor_.OnContention(Us(3000));
  Span rest(0);
  for (; governor_.window() == Span(0); rest += Us(30)) governor_.OnArrival(Us(30));
  EXPECT_LE(rest, PollGovernor::kFirstRest + Us(3000));
}

}  // namespace
}  // namespace tapswitch::poll_governor_test
