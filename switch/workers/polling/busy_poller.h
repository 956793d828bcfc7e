// Waits on a ring for a worker: it looks, polls for as long as that pays (poll_governor.h), and
// sleeps.
//
// A poll looks at the ring's memory (Ring::Peek) and at the clock, again and again. While it polls,
// whoever sends a frame to the switch need not wake a thread.
//
// A poll takes a processor that others may want: a guest, a sender, the receiver of what was just
// sent. The kernel's own polls ask need_resched() for that, which no system call tells. So the
// poller calls sched_yield(2) at its start and then every kYieldInterval:
//   * the call returns at once if no other thread waits for this processor, and lets the other one
//     run if there is one, so nobody waits longer than the interval. Its duration tells which;
//   * ru_nivcsw of getrusage(2), and run_delay in /proc/self/schedstat, tell of another thread only
//     after the kernel has taken the processor away, which it does when the time slice is over: the
//     other one has waited for some milliseconds by then.
// A worker that gave way sleeps, unless the other thread sent what it was waiting for. A fixed span
// (--busy_poll=50us) is polled whoever wants the processor, as it was asked for.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "ports/ring/ring.h"
#include "switch/workers/polling/poll_governor.h"

namespace tapswitch {

struct PollCounters {
  uint64_t polls = 0;
  uint64_t hits = 0;                  // polls that found something
  uint64_t yields = 0;                // polls that gave way to another thread
  std::chrono::nanoseconds spent{0};  // in all polls

  PollCounters& operator+=(const PollCounters& other);
};

// Input that may come without the ring's knowledge.
struct SilentInput {
  std::function<bool()> has_some = [] { return false; };
  // Has it announced from now on; true if there is some by now.
  std::function<bool()> await = [] { return false; };
};

class BusyPoller {
 public:
  // `ring` outlives the poller.
  explicit BusyPoller(Ring& ring, SilentInput silent = {})
      : ring_(ring), silent_(std::move(silent)) {}

  void Configure(const BusyPoll& wanted) { wanted_ = wanted; }

  // Has the contract of Ring::SubmitAndWait.
  WaitResult Wait(std::optional<std::chrono::nanoseconds> timeout);

  // Notes that the last wait brought frames. A wait that ends for another reason is continued by
  // the next one.
  void OnFrames();

  [[nodiscard]] const PollCounters& counters() const { return counters_; }

  // From now on IdleUntil counts.
  void MeasureSleep() { measures_sleep_ = true; }
  // The time asleep, and in polls, until `now`. Any thread may ask. A sleep that goes on counts, as
  // a worker without frames sleeps for ever; one that ends just now may count twice, or not at all,
  // until it is asked again.
  [[nodiscard]] std::chrono::nanoseconds IdleUntil(std::chrono::nanoseconds now) const;

 private:
  using Span = std::chrono::nanoseconds;
  static constexpr Span kAwake = Span::min();
  enum class Outcome : uint8_t { kHit, kMiss, kGaveWay };

  WaitResult Sleep(std::optional<Span> timeout);
  WaitResult SleepFrom(Span start, std::optional<Span> timeout);
  [[nodiscard]] bool Look() { return ring_.Peek() || silent_.has_some(); }
  [[nodiscard]] Span Window();
  [[nodiscard]] bool PollUntil(Span end);
  [[nodiscard]] Outcome YieldAndLook();
  void Count(Outcome outcome, Span spent);

  Ring& ring_;
  SilentInput silent_;
  BusyPoll wanted_{.mode = BusyPoll::Mode::kOff};
  PollGovernor governor_;
  std::optional<Span> began_;  // when the wait for frames began, unless they came at once
  Span now_{0};                // the time when it was read last
  Span away_{0};               // the duration of the last yield of a poll
  Span logged_{0};             // the window that was logged last, and when
  Span logged_at_{0};
  PollCounters counters_;
  bool measures_sleep_ = false;
  Span slept_{0};
  std::atomic<Span> idle_{Span(0)};  // slept_, and spent in polls
  std::atomic<Span> asleep_since_{kAwake};
  static_assert(std::atomic<Span>::is_always_lock_free);
};

}  // namespace tapswitch
