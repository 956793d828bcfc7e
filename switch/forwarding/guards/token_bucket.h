// A limit of a rate that lets bursts pass: credit grows with time up to a bound, and what passes
// spends it.
//
// A frame passes while there is credit at all, however long it is; what it overdraws has to be
// earned back first. So no frame is too long for a small burst, and in any span of time what passes
// is at most the rate times that span, the burst and one frame.

#pragma once

#include <algorithm>
#include <cstdint>

#include "switch/forwarding/ids.h"

namespace tapswitch {

struct RateLimit {
  uint64_t per_second = 0;  // at most kMost
  bool in_bits = false;     // else frames
  Ticks burst{10};          // of silence that can be caught up with; 1 tick to kLongestBurst

  static constexpr uint64_t kMost = 1'000'000'000'000;
  static constexpr Ticks kLongestBurst{6000};

  bool operator==(const RateLimit&) const = default;
};

class TokenBucket {
 public:
  TokenBucket() = default;
  // Goes on with a bucket of an earlier process, whose limit() was this, and so on.
  TokenBucket(const RateLimit& limit, int64_t credit, Tick seen)
      : limit_(limit), credit_(std::min(credit, Most())), seen_(seen) {}
  [[nodiscard]] const RateLimit& limit() const { return limit_; }
  [[nodiscard]] int64_t credit() const { return credit_; }
  [[nodiscard]] Tick seen() const { return seen_; }

  bool operator==(const TokenBucket&) const = default;

  // Whether `amount` may pass now. A limit that differs from the last call's begins with its whole
  // burst. Preconditions: limit.per_second > 0, and amount is below 2^48.
  [[nodiscard]] bool Take(const RateLimit& limit, uint64_t amount, Tick now) {
    if (limit == limit_) {
      Earn(now);
    } else {
      limit_ = limit;
      credit_ = Most();
    }
    seen_ = std::max(seen_, now);
    if (credit_ <= 0) return false;
    credit_ -= static_cast<int64_t>(amount) * kTicksPerSecond;
    return true;
  }

 private:
  // Credit is counted in hundredths, so that a tick earns a whole number of them.
  static constexpr int64_t kTicksPerSecond = 100;

  [[nodiscard]] int64_t Most() const {
    return static_cast<int64_t>(limit_.per_second * limit_.burst.centiseconds);
  }

  void Earn(Tick now) {
    if (now <= seen_) return;
    const uint64_t span = now.centiseconds - seen_.centiseconds;
    const auto missing = static_cast<uint64_t>(Most() - credit_);
    if (span > missing / limit_.per_second) {
      credit_ = Most();  // the product may not fit
    } else {
      credit_ += static_cast<int64_t>(span * limit_.per_second);
    }
  }

  RateLimit limit_;
  int64_t credit_ = 0;
  Tick seen_;
};

}  // namespace tapswitch
