// A number of events that one thread waits for, and others bring about.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace tapswitch {

class Countdown {
 public:
  void Expect() {
    const std::lock_guard lock(mutex_);
    ++left_;
  }
  void Done() {
    const std::lock_guard lock(mutex_);
    if (--left_ == 0) none_left_.notify_all();
  }
  // False when some have not come about in time.
  [[nodiscard]] bool WaitFor(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    return none_left_.wait_for(lock, limit, [this] { return left_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_left_;
  size_t left_ = 0;
};

}  // namespace tapswitch
