// The one place where time is read. Everything else is handed a Tick.

#pragma once

#include <chrono>
#include <cstdint>

#include "switch/forwarding/ids.h"

namespace tapswitch {

class Clock {
 public:
  virtual ~Clock() = default;
  // Never goes back.
  [[nodiscard]] virtual Tick Now() const = 0;
  // Nanoseconds since 1970, for stamps that people read; may go back. No decision depends on it.
  [[nodiscard]] virtual uint64_t RealTime() const;
};

// CLOCK_MONOTONIC_COARSE: a few milliseconds of resolution, read without a system call.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Tick Now() const override;
};

// Since some moment, to the nanosecond; for spans too short for a Tick.
[[nodiscard]] std::chrono::nanoseconds MonotonicTime();

// Processor time that the calling thread has used, in user and kernel mode.
[[nodiscard]] double ThreadCpuSeconds();

}  // namespace tapswitch
