// A queue of log lines for the thread that writes them.

#pragma once

#include <spdlog/common.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace tapswitch {

// A bounded queue: any thread may push, one pops, and none waits. It is a ring whose places have
// turns (D. Vyukov, "Bounded MPMC queue"), so a thread that is interrupted while it pushes only
// delays the one that pops. Lines that find no place are counted.
class LogQueue {
 public:
  // The capacity: a burst of the rate limit, and some more.
  static constexpr size_t kCapacity = 1024;
  // The maximal length of a line; the rest of longer lines is dropped.
  static constexpr size_t kLongestText = 992;

  struct Line {
    // The members have no initial values, so that the memory of unused places is never touched.
    spdlog::log_clock::rep time;  // since the clock's epoch
    uint64_t lost_before;         // lines dropped between the previous line and this one
    spdlog::level::level_enum level;
    uint32_t size;
    std::array<char, kLongestText> text;

    [[nodiscard]] std::string_view view() const { return {text.data(), size}; }
  };

  LogQueue();

  // Adds a line. Allocates no memory and makes no system call.
  void Push(spdlog::log_clock::time_point time, spdlog::level::level_enum level,
            std::string_view text);

  // Returns the first line, which stays valid until DropFront; null if there is none.
  [[nodiscard]] const Line* Front() const;
  void DropFront();

  // Returns how many lines were dropped since the last one that was pushed, and resets the count.
  [[nodiscard]] uint64_t TakeLost() { return lost_.exchange(0); }

 private:
  static constexpr size_t kMask = kCapacity - 1;
  static_assert((kCapacity & kMask) == 0);

  struct Place {
    std::atomic<uint64_t> turn;
  };

  std::array<Place, kCapacity> places_;
  std::unique_ptr<Line[]>
      lines_;  // NOLINT(*-avoid-c-arrays): memory that is not touched before use
  alignas(64) std::atomic<uint64_t> back_ = 0;
  alignas(64) std::atomic<uint64_t> lost_ = 0;
  alignas(64) uint64_t front_ = 0;
};

}  // namespace tapswitch
