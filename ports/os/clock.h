// The clocks that frames are handled by. A forwarding thread reads them in its turn, and hands the
// time to all that it calls; the pure code knows no other. Threads that may wait (control, keeper,
// metrics, vhost-user) read std::chrono::steady_clock, too, for deadlines of their own.

#pragma once

#include <chrono>
#include <cstdint>

#include "switch/forwarding/ids.h"

namespace tapswitch {

class Clock {
 public:
  virtual ~Clock() = default;
  // The time now. It never goes back.
  [[nodiscard]] virtual Tick Now() const = 0;
  // Nanoseconds since 1970, for time stamps that people read. It may go back, so no decision
  // depends on it.
  [[nodiscard]] virtual uint64_t RealTime() const;
};

// Reads CLOCK_MONOTONIC_COARSE, which has a resolution of a few milliseconds and takes no system
// call.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Tick Now() const override;
};

// The time from `now` to `then`; zero when that has come.
[[nodiscard]] constexpr std::chrono::nanoseconds UntilTick(Tick then, Tick now) {
  constexpr std::chrono::milliseconds kCentisecond(10);
  if (then <= now) return std::chrono::nanoseconds(0);
  return kCentisecond * static_cast<int64_t>(then.centiseconds - now.centiseconds);
}

// The time since some fixed moment, to the nanosecond, for spans that are too short for a Tick.
[[nodiscard]] std::chrono::nanoseconds MonotonicTime();

// The processor time that the calling thread has used, in user and kernel mode.
[[nodiscard]] double ThreadCpuSeconds();

}  // namespace tapswitch
