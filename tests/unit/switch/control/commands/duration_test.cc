#include "switch/control/commands/duration.h"

#include <gtest/gtest.h>

namespace tapswitch::duration_test {
namespace {

TEST(ParseDurationTest, NeedsANumberAndAUnit) {
  EXPECT_EQ(*ParseDuration("300s"), Ticks{30000});
  EXPECT_EQ(*ParseDuration("1.5s"), Ticks{150});
  EXPECT_EQ(*ParseDuration("2000ms"), Ticks{200});
  EXPECT_EQ(*ParseDuration("0s"), Ticks{0});
  for (const char* text :
       {"", "s", "300", "-1s", "inf s", "infs", "nans", "1e3s", "3y", "99999999s", "1.2.3s"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

TEST(ParseDurationTest, KnowsLongerUnitsInAnyCase) {
  EXPECT_EQ(*ParseDuration("5m"), Ticks{30000});
  EXPECT_EQ(*ParseDuration("5min"), Ticks{30000});
  EXPECT_EQ(*ParseDuration("1h"), Ticks{360000});
  EXPECT_EQ(*ParseDuration("2d"), Ticks{17280000});
  EXPECT_EQ(*ParseDuration("0.5H"), Ticks{180000});
  EXPECT_EQ(*ParseDuration("500MS"), Ticks{50});
  EXPECT_FALSE(ParseDuration("1000d").ok());
}

TEST(ParseDurationTest, WhatIsShownCanBeFedBack) {
  for (const uint64_t span : {0U, 1U, 10U, 99U, 100U, 101U, 30000U, 123456U}) {
    EXPECT_EQ(*ParseDuration(DurationText(Ticks{span})), Ticks{span});
  }
}

}  // namespace
}  // namespace tapswitch::duration_test
