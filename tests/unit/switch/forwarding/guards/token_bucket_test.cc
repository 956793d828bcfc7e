#include "switch/forwarding/guards/token_bucket.h"

#include <gtest/gtest.h>

namespace tapswitch::token_bucket_test {
namespace {

constexpr RateLimit kTenASecond{.per_second = 10, .burst = {100}};

int Taken(TokenBucket& bucket, const RateLimit& limit, int wanted, Tick now) {
  int taken = 0;
  for (int i = 0; i < wanted; ++i) taken += bucket.Take(limit, 1, now) ? 1 : 0;
  return taken;
}

TEST(TokenBucketTest, BeginsFull) {
  TokenBucket bucket;
  EXPECT_EQ(Taken(bucket, kTenASecond, 50, Tick{0}), 10);
}

TEST(TokenBucketTest, EarnsByTheTickAndOverdrawsByOneAtMost) {
  TokenBucket bucket;
  Taken(bucket, kTenASecond, 50, Tick{500});
  EXPECT_EQ(Taken(bucket, kTenASecond, 50, Tick{500}), 0) << "no time has passed";
  EXPECT_EQ(Taken(bucket, kTenASecond, 50, Tick{501}), 1) << "on credit";
  EXPECT_EQ(Taken(bucket, kTenASecond, 50, Tick{510}), 0) << "which is now paid back";
  EXPECT_EQ(Taken(bucket, kTenASecond, 50, Tick{511}), 1);
  EXPECT_EQ(Taken(bucket, kTenASecond, 50, Tick{561}), 5);
}

TEST(TokenBucketTest, ASilenceIsCaughtUpWithToTheBurstOnly) {
  TokenBucket bucket;
  Taken(bucket, kTenASecond, 50, Tick{500});
  EXPECT_EQ(Taken(bucket, kTenASecond, 50, Tick{600}), 10);
  EXPECT_EQ(Taken(bucket, kTenASecond, 50, Tick{100'000}), 10);
}

TEST(TokenBucketTest, HugeJumpsOfTimeAndTheLargestRateDoNotOverflow) {
  constexpr RateLimit kMost{
      .per_second = RateLimit::kMost, .in_bits = true, .burst = RateLimit::kLongestBurst};
  constexpr uint64_t kFrame = 64 * 1024 * 8;
  TokenBucket bucket;
  EXPECT_TRUE(bucket.Take(kMost, kFrame, Tick{0}));
  EXPECT_TRUE(bucket.Take(kMost, kFrame, Tick{~uint64_t{0} / 2}));
  constexpr RateLimit kLeast{.per_second = 1, .in_bits = true, .burst = {1}};
  EXPECT_TRUE(bucket.Take(kLeast, kFrame, Tick{~uint64_t{0} / 2}));
  EXPECT_FALSE(bucket.Take(kLeast, kFrame, Tick{~uint64_t{0} / 2 + kFrame * 100 - 1}));
  EXPECT_TRUE(bucket.Take(kLeast, kFrame, Tick{~uint64_t{0} - 1}));
}

TEST(TokenBucketTest, TimeThatGoesBackEarnsNothing) {
  TokenBucket bucket;
  Taken(bucket, kTenASecond, 50, Tick{500});
  EXPECT_FALSE(bucket.Take(kTenASecond, 1, Tick{400}));
  EXPECT_FALSE(bucket.Take(kTenASecond, 1, Tick{500}));
}

TEST(TokenBucketTest, AFrameLongerThanTheBurstPassesAndIsPaidBack) {
  constexpr RateLimit kLimit{.per_second = 1000, .in_bits = true, .burst = {10}};
  TokenBucket bucket;
  EXPECT_TRUE(bucket.Take(kLimit, 12000, Tick{0}));
  EXPECT_FALSE(bucket.Take(kLimit, 12000, Tick{1190}));
  EXPECT_TRUE(bucket.Take(kLimit, 12000, Tick{1191}));
}

TEST(TokenBucketTest, AnotherLimitBeginsAnew) {
  TokenBucket bucket;
  Taken(bucket, kTenASecond, 50, Tick{500});
  constexpr RateLimit kTwenty{.per_second = 20, .burst = {100}};
  EXPECT_EQ(Taken(bucket, kTwenty, 50, Tick{500}), 20);
}

}  // namespace
}  // namespace tapswitch::token_bucket_test
