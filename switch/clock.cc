#include "switch/clock.h"

#include <ctime>

namespace tapswitch {

Tick SystemClock::Now() const {
  constexpr int64_t kNanosecondsPerCentisecond = 10'000'000;
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return {static_cast<uint64_t>(now.tv_sec * 100 + now.tv_nsec / kNanosecondsPerCentisecond)};
}

}  // namespace tapswitch
