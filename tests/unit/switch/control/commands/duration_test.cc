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
       {"", "s", "300", "-1s", "inf s", "infs", "nans", "1e3s", "3m", "99999999s"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

}  // namespace
}  // namespace tapswitch::duration_test
