#include "ports/os/thread_priority.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace tapswitch::thread_priority_test {
namespace {

// A thread that has yielded to frames and waits.
class YieldingThread {
 public:
  YieldingThread() {
    while (id_ == 0) std::this_thread::yield();
  }
  ~YieldingThread() { may_end_ = true; }
  YieldingThread(const YieldingThread&) = delete;
  YieldingThread& operator=(const YieldingThread&) = delete;

  [[nodiscard]] int policy() const { return sched_getscheduler(id_); }
  [[nodiscard]] int niceness() const { return getpriority(PRIO_PROCESS, static_cast<id_t>(id_)); }

 private:
  std::atomic<pid_t> id_ = 0;
  std::atomic<bool> may_end_ = false;
  std::jthread thread_{[this] {
    YieldToFrames();
    id_ = gettid();
    while (!may_end_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }};
};

TEST(ThreadPriorityTest, HasteIsForAllThreadsAndEndsWithItsObject) {
  const int own = getpriority(PRIO_PROCESS, 0);
  const YieldingThread yielding;
  {
    const Haste haste(Haste::Of::kProcess);
    if (sched_getscheduler(0) == SCHED_OTHER) GTEST_SKIP() << "no right to real-time priorities";
    EXPECT_EQ(sched_getscheduler(0), SCHED_RR);
    EXPECT_EQ(yielding.policy(), SCHED_RR);
    const Haste nested(Haste::Of::kProcess);  // finds nothing to do
  }
  EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), own);
  EXPECT_EQ(yielding.policy(), SCHED_OTHER);
  EXPECT_EQ(yielding.niceness(), own + 10);
}

TEST(ThreadPriorityTest, HasteOfAThreadIsForNoOther) {
  const YieldingThread yielding;
  const Haste haste(Haste::Of::kThread);
  if (sched_getscheduler(0) == SCHED_OTHER) GTEST_SKIP() << "no right to real-time priorities";
  EXPECT_EQ(sched_getscheduler(0), SCHED_RR);
  EXPECT_EQ(yielding.policy(), SCHED_OTHER);
}

}  // namespace
}  // namespace tapswitch::thread_priority_test
