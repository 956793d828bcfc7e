#include "ports/os/clock.h"

#include <ctime>

namespace tapswitch {

Tick SystemClock::Now() const {
  constexpr int64_t kNanosecondsPerCentisecond = 10'000'000;
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return {static_cast<uint64_t>(now.tv_sec * 100 + now.tv_nsec / kNanosecondsPerCentisecond)};
}

uint64_t Clock::RealTime() const {
  constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * kNanosecondsPerSecond +
         static_cast<uint64_t>(now.tv_nsec);
}

std::chrono::nanoseconds MonotonicTime() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

double ThreadCpuSeconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

}  // namespace tapswitch
