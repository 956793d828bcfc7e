#include "switch/workers/polling/busy_poller.h"

#include <immintrin.h>
#include <sched.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "ports/os/clock.h"

namespace tapswitch {
namespace {

using Span = std::chrono::nanoseconds;

constexpr Span kWithoutSleep(0);

// Without another thread a call takes some 300 ns, so a poll spends a seventh of its time on them.
constexpr Span kYieldInterval(2'000);

// A call that took longer has run another thread, or an interrupt that took as long.
constexpr Span kRanAnother(5'000);

// Decisions are logged at most so often.
constexpr Span kLogInterval(100'000'000);

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

PollCounters& PollCounters::operator+=(const PollCounters& other) {
  polls += other.polls;
  hits += other.hits;
  yields += other.yields;
  spent += other.spent;
  return *this;
}

// The first look carries out the writes of the turn before, so that their time is no gap.
WaitResult BusyPoller::Wait(std::optional<Span> timeout) {
  if (wanted_.mode == BusyPoll::Mode::kOff || timeout == kWithoutSleep) {
    return Sleep(timeout);
  }
  if (const WaitResult look = ring_.SubmitAndWait(kWithoutSleep); look != WaitResult::kTimeout) {
    return look;
  }
  now_ = MonotonicTime();
  if (!began_) began_ = now_;
  const Span start = now_;
  const Span window = Window();
  const bool found = PollUntil(*began_ + std::min(window, timeout.value_or(window)));
  if (timeout) timeout = std::max(*timeout - (now_ - start), kWithoutSleep);
  if (found || silent_.await()) timeout = kWithoutSleep;
  return SleepFrom(now_, timeout);
}

// There is no sleep where something waits to be taken, so a busy worker does not read the clock.
WaitResult BusyPoller::Sleep(std::optional<Span> timeout) {
  if (timeout != kWithoutSleep && silent_.await()) timeout = kWithoutSleep;
  if (!measures_sleep_ || timeout == kWithoutSleep || ring_.Peek()) {
    return ring_.SubmitAndWait(timeout);
  }
  return SleepFrom(MonotonicTime(), timeout);
}

WaitResult BusyPoller::SleepFrom(Span start, std::optional<Span> timeout) {
  idle_.store(slept_ + counters_.spent, std::memory_order_relaxed);
  asleep_since_.store(start, std::memory_order_relaxed);
  const WaitResult result = ring_.SubmitAndWait(timeout);
  now_ = MonotonicTime();
  slept_ += now_ - start;
  asleep_since_.store(kAwake, std::memory_order_relaxed);
  idle_.store(slept_ + counters_.spent, std::memory_order_relaxed);
  return result;
}

Span BusyPoller::IdleUntil(Span now) const {
  const Span since = asleep_since_.load(std::memory_order_relaxed);
  const Span idle = idle_.load(std::memory_order_relaxed);
  return since == kAwake ? idle : idle + std::max(Span(0), now - since);
}

Span BusyPoller::Window() {
  const Span window = wanted_.mode == BusyPoll::Mode::kFixed ? wanted_.span : governor_.window();
  if (window != logged_ && now_ - logged_at_ >= kLogInterval) {
    logged_ = window;
    logged_at_ = now_;
    spdlog::debug("polls for {} us; {} polls so far, {} hits, {} yields", window.count() / 1000,
                  counters_.polls, counters_.hits, counters_.yields);
  }
  return window;
}

// Returns true if there is something to take from the ring.
bool BusyPoller::PollUntil(Span end) {
  if (now_ >= end) return false;
  const Span start = now_;
  away_ = Span(0);
  Outcome outcome = Outcome::kMiss;
  Span next_yield = wanted_.mode == BusyPoll::Mode::kAuto ? start : end;
  while (outcome == Outcome::kMiss && now_ < end) {
    if (now_ >= next_yield) {
      outcome = YieldAndLook();
      next_yield = now_ + kYieldInterval;
    } else {
      Pause();
      if (Look()) outcome = Outcome::kHit;
      now_ = MonotonicTime();
    }
  }
  Count(outcome, now_ - start);
  return outcome == Outcome::kHit;
}

// A thread that ran meanwhile may be the one that was waited for: then the poll has paid after all,
// unless that thread kept the processor for a time slice.
BusyPoller::Outcome BusyPoller::YieldAndLook() {
  const Span before = now_;
  sched_yield();
  now_ = MonotonicTime();
  away_ = now_ - before;
  const bool gave_way = away_ > kRanAnother;
  if (gave_way) ++counters_.yields;
  if (Look()) return Outcome::kHit;
  return gave_way ? Outcome::kGaveWay : Outcome::kMiss;
}

void BusyPoller::Count(Outcome outcome, Span spent) {
  ++counters_.polls;
  counters_.spent += spent;
  if (outcome == Outcome::kHit) ++counters_.hits;
  const bool took_a_slice = away_ >= PollGovernor::kTimeSlice;
  if (outcome == Outcome::kGaveWay || took_a_slice) governor_.OnContention(away_);
}

void BusyPoller::OnFrames() {
  if (!began_) return;
  governor_.OnArrival(now_ - *began_);
  began_.reset();
}

}  // namespace tapswitch
