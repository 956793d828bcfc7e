// A bucket that is shown random frames at random times, against one that is computed tick by tick.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "switch/forwarding/guards/token_bucket.h"

namespace tapswitch::token_bucket_property_test {
namespace {

// In hundredths. Earns at each tick, one by one.
class NaiveBucket {
 public:
  NaiveBucket(const RateLimit& limit, uint64_t now) : limit_(limit), now_(now), credit_(Most()) {}

  bool Take(uint64_t amount, uint64_t now) {
    for (; now_ < now; ++now_) {
      credit_ = std::min(Most(), credit_ + static_cast<int64_t>(limit_.per_second));
    }
    if (credit_ <= 0) return false;
    credit_ -= static_cast<int64_t>(100 * amount);
    return true;
  }

 private:
  [[nodiscard]] int64_t Most() const {
    return static_cast<int64_t>(limit_.per_second * limit_.burst.centiseconds);
  }
  RateLimit limit_;
  uint64_t now_;
  int64_t credit_;
};

TEST(TokenBucketPropertyTest, IsTheNaiveOneAndKeepsItsPromise) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](uint64_t bound) { return random() % bound; };
  for (int round = 0; round < 300; ++round) {
    const RateLimit limit{.per_second = 1 + below(round % 2 == 0 ? 50 : 1'000'000),
                          .burst = {1 + below(300)}};
    const uint64_t longest = 1 + below(round % 3 == 0 ? 1 : 100'000);
    uint64_t now = below(1'000'000);
    const uint64_t start = now;
    TokenBucket bucket;
    NaiveBucket naive(limit, now);
    uint64_t passed = 0;
    for (int frame = 0; frame < 500; ++frame) {
      now += below(4) == 0 ? below(round % 5 == 0 ? 5000 : 20) : 0;
      const uint64_t amount = 1 + below(longest);
      const bool passes = bucket.Take(limit, amount, Tick{now});
      ASSERT_EQ(passes, naive.Take(amount, now)) << "round " << round << " frame " << frame;
      if (passes) passed += amount;
    }
    const uint64_t span = now - start + limit.burst.centiseconds;
    ASSERT_LE(passed * 100, span * limit.per_second + longest * 100);
  }
}

}  // namespace
}  // namespace tapswitch::token_bucket_property_test
