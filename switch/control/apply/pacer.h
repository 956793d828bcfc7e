// Limits the work that forwarding threads do for clients to a share of the time: after each piece
// of work there is a pause. A client in a loop delays itself, but no frames.

#pragma once

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace tapswitch {

class Pacer {
 public:
  using Clock = std::chrono::steady_clock;

  // The pause after a piece of work, as a multiple of its time: a fifth of the time is work.
  static constexpr int kPauses = 4;
  // The maximal pause, for work that took long because the machine is busy.
  static constexpr std::chrono::milliseconds kLongestPause{20};

  // Waits for the end of the pause, does `work`, and returns its result. Called by one thread.
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
