// Units of links that misbehave: what is written is read again without loss.

#include "switch/control/commands/impair_units.h"

#include <gtest/gtest.h>

#include <string>

namespace tapswitch::impair_units_test {
namespace {

TEST(ImpairUnitsTest, TimesNeedAUnit) {
  EXPECT_EQ(*ParseTimeSpan("20ms"), 20'000'000U);
  EXPECT_EQ(*ParseTimeSpan("1.5s"), 1'500'000'000U);
  EXPECT_EQ(*ParseTimeSpan("250us"), 250'000U);
  EXPECT_EQ(*ParseTimeSpan("2m"), 120'000'000'000U);
  EXPECT_EQ(*ParseTimeSpan("0s"), 0U);
  for (const char* bad : {"20", "", "ms", "-1s", "1.s", ".5s", "1e3s", "0.5ns", "25h", "1 s",
                          "99999999999999999999s"}) {
    EXPECT_FALSE(ParseTimeSpan(bad).ok()) << bad;
  }
}

TEST(ImpairUnitsTest, SharesAreExactPercentages) {
  EXPECT_EQ(ParseShare("0.1%")->billionths, 1'000'000U);
  EXPECT_EQ(ParseShare("100%")->billionths, FrameShare::kWhole);
  EXPECT_EQ(ParseShare("0.0000001%")->billionths, 1U);
  for (const char* bad : {"1", "101%", "-1%", "1%%", "0.00000001%", "%"}) {
    EXPECT_FALSE(ParseShare(bad).ok()) << bad;
  }
}

TEST(ImpairUnitsTest, RatesAndSizesHaveTheUnitsOfTc) {
  EXPECT_EQ(*ParseBitRate("10mbit"), 10'000'000U);
  EXPECT_EQ(*ParseBitRate("1.5Gbit"), 1'500'000'000U);
  EXPECT_EQ(*ParseByteSize("64kb"), 65'536U);
  EXPECT_EQ(*ParseByteSize("1500b"), 1500U);
  EXPECT_FALSE(ParseBitRate("1000").ok());
  EXPECT_FALSE(ParseBitRate("10pps").ok());
  EXPECT_FALSE(ParseByteSize("64").ok());
  EXPECT_FALSE(ParseByteSize("1gb").ok());
}

TEST(ImpairUnitsTest, WhatIsWrittenIsReadAgain) {
  for (const Nanoseconds span :
       {0ULL, 1ULL, 999ULL, 1'234'567ULL, 20'000'000ULL, 90'000'000'000ULL, 3'600'000'000'001ULL}) {
    EXPECT_EQ(*ParseTimeSpan(TimeSpanText(span)), span) << TimeSpanText(span);
  }
  for (const uint32_t share : {0U, 1U, 1'000'000U, 333'333'333U, FrameShare::kWhole}) {
    EXPECT_EQ(ParseShare(ShareText({share}))->billionths, share) << ShareText({share});
  }
  for (const uint64_t rate : {0ULL, 1ULL, 1500ULL, 10'000'000ULL, 1'000'000'000'000ULL}) {
    EXPECT_EQ(*ParseBitRate(BitRateText(rate)), rate) << BitRateText(rate);
  }
  for (const uint32_t size : {0U, 1U, 1500U, 65'536U, 1U << 20U}) {
    EXPECT_EQ(*ParseByteSize(ByteSizeText(size)), size) << ByteSizeText(size);
  }
  EXPECT_EQ(TimeSpanText(20'000'000), "20ms");
  EXPECT_EQ(TimeSpanText(1'500'000'000), "1.5s");
  EXPECT_EQ(ShareText({1'000'000}), "0.1%");
  EXPECT_EQ(BitRateText(10'000'000), "10mbit");
  EXPECT_EQ(ByteSizeText(65'536), "64kb");
}

}  // namespace
}  // namespace tapswitch::impair_units_test
