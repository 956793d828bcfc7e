// Keeps work that forwarding threads do for clients down to a share of the time: after each piece of
// it the next one has to wait for a while. A client in a loop slows itself, and no frames.

#pragma once

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace tapswitch {

class Pacer {
 public:
  using Clock = std::chrono::steady_clock;

  // So many times as long as the work took is the pause after it: a fifth of the time is work.
  static constexpr int kPauses = 4;
  // A single piece that took long, as the machine is busy, keeps nobody waiting for ever.
  static constexpr std::chrono::milliseconds kLongestPause{20};

  // Waits for the end of the pause, does `work`, and returns what that does. Of one thread.
  template <typename Work>
  auto Run(Work&& work) {
    std::this_thread::sleep_until(pause_ends_);
    const auto begin = Clock::now();
    auto result = std::forward<Work>(work)();
    const auto end = Clock::now();
    pause_ends_ = end + std::min<Clock::duration>(kPauses * (end - begin), kLongestPause);
    return result;
  }

 private:
  Clock::time_point pause_ends_;
};

}  // namespace tapswitch
