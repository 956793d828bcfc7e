// A poller, and input that its ring knows nothing of.

#include "switch/workers/polling/busy_poller.h"

#include <gtest/gtest.h>

#include <chrono>

#include "ports/os/clock.h"
#include "tests/support/fake_ring.h"

namespace tapswitch::busy_poller_test {
namespace {

using std::chrono::seconds;

class BusyPollerTest : public testing::Test {
 protected:
  FakeRing ring_;
  bool has_some_ = false;
  int asked_ = 0;
  int awaited_ = 0;
  BusyPoller poller_{ring_,
                     {.has_some =
                          [this] {
                            ++asked_;
                            return has_some_;
                          },
                      .await =
                          [this] {
                            ++awaited_;
                            return has_some_;
                          }}};
};

TEST_F(BusyPollerTest, InputIsAnnouncedBeforeItSleeps) {
  poller_.Configure({.mode = BusyPoll::Mode::kOff});
  has_some_ = true;  // or it would wait for a second
  static_cast<void>(poller_.Wait(seconds(1)));
  EXPECT_EQ(awaited_, 1);
  EXPECT_EQ(asked_, 0);
}

TEST_F(BusyPollerTest, NothingIsAwaitedWhereItOnlyLooks) {
  poller_.Configure({.mode = BusyPoll::Mode::kOff});
  static_cast<void>(poller_.Wait(seconds(0)));
  EXPECT_EQ(awaited_, 0);
}

TEST_F(BusyPollerTest, APollEndsWhenInputIsThere) {
  poller_.Configure({.mode = BusyPoll::Mode::kFixed, .span = seconds(30)});
  has_some_ = true;
  static_cast<void>(poller_.Wait(std::nullopt));
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(awaited_, 0);
  EXPECT_EQ(poller_.counters().hits, 1U);
}

// A worker that nobody wakes sleeps for ever, and is no busy one.
TEST_F(BusyPollerTest, ASleepThatGoesOnIsIdleTime) {
  constexpr std::chrono::hours kLater(1);
  poller_.MeasureSleep();
  std::chrono::nanoseconds asleep{0};
  ring_.WhileItWaits([&] { asleep = poller_.IdleUntil(MonotonicTime() + kLater); });
  static_cast<void>(poller_.Wait(seconds(1)));
  EXPECT_GE(asleep, kLater);
  EXPECT_LT(poller_.IdleUntil(MonotonicTime() + kLater), kLater) << "it is awake again";
}

}  // namespace
}  // namespace tapswitch::busy_poller_test
