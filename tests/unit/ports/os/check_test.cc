#include "ports/os/check.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

namespace tapswitch::check_test {
namespace {

TEST(CheckTest, WhatHoldsGoesOn) {
  int evaluated = 0;
  TAPSWITCH_CHECK(++evaluated == 1);
  EXPECT_EQ(evaluated, 1) << "in every build, and once";
}

TEST(CheckDeathTest, WhatDoesNotHoldEndsTheProcessAndIsNamed) {
  const int count = 2;
  EXPECT_DEATH(TAPSWITCH_CHECK(count == 1), "check_test.cc:[0-9]+: check failed: count == 1");
}

// As when whoever reads the log is stuck: nothing waits for it.
TEST(CheckDeathTest, NobodyIsWaitedForWhoReadsNothing) {
  EXPECT_EXIT(
      {
        int pipe_ends[2];
        ASSERT_EQ(pipe2(pipe_ends, O_NONBLOCK), 0);
        while (write(pipe_ends[1], "log", 3) > 0) {
        }
        fcntl(pipe_ends[1], F_SETFL, 0);
        dup2(pipe_ends[1], STDERR_FILENO);
        alarm(20);
        TAPSWITCH_CHECK(false);
      },
      testing::KilledBySignal(SIGABRT), "");
}

}  // namespace
}  // namespace tapswitch::check_test
