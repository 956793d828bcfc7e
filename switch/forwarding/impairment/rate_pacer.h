// When frames have left that go by a link of limited rate, one after the other. The account is
// exact: what a division leaves over is carried to the next frame.

#pragma once

#include <cstddef>

#include "switch/forwarding/impairment/impairment_settings.h"

namespace tapswitch {

class RatePacer {
 public:
  // Returns when a frame of `size` bytes has left that comes now. After silence, frames of as many
  // bytes as the burst leave at once; without one, each takes the time that its bits take.
  // Precondition: the rate is not 0, and `size` is below 2^20.
  [[nodiscard]] Nanoseconds Pass(const RateSettings& rate, size_t size, Nanoseconds now) {
    if (busy_until_ <= now) {
      busy_until_ = now;
      rest_ = 0;
    }
    const uint64_t work = size * kBitTime + rest_;
    busy_until_ += work / rate.bits_per_second;
    rest_ = work % rate.bits_per_second;
    const Nanoseconds credit = rate.burst * kBitTime / rate.bits_per_second;
    return busy_until_ > now + credit ? busy_until_ - credit : now;
  }

 private:
  static constexpr uint64_t kBitTime = 8 * kNanosecondsPerSecond;  // of a byte at one bit a second

  Nanoseconds busy_until_ = 0;  // without the credit
  uint64_t rest_ = 0;           // of kBitTime, below the rate
};

}  // namespace tapswitch
