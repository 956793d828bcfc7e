// Lines of the log on their way to the thread that writes them.

#pragma once

#include <spdlog/common.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace tapswitch {

// Bounded. Any thread may push, one pops. Nobody waits, for whatever becomes of the other threads: it
// is a ring whose places have turns (D. Vyukov, "Bounded MPMC queue"), so that a thread that is
// interrupted while it pushes holds up only the one that pops. What finds no room is counted.
class LogQueue {
 public:
  // A burst of the rate limit, and some more.
  static constexpr size_t kCapacity = 1024;
  // Of longer lines the rest is left out.
  static constexpr size_t kLongestText = 992;

  struct Line {
    // Without initial values: memory of places that are never reached is never touched.
    spdlog::log_clock::rep time;  // of its epoch
    uint64_t lost_before;         // lines that found no room since the one before this
    spdlog::level::level_enum level;
    uint32_t size;
    std::array<char, kLongestText> text;

    [[nodiscard]] std::string_view view() const { return {text.data(), size}; }
  };

  LogQueue();

  // Allocates nothing, and calls nothing of the system.
  void Push(spdlog::log_clock::time_point time, spdlog::level::level_enum level,
            std::string_view text);

  // The first line, which stays until DropFront. Null where there is none.
  [[nodiscard]] const Line* Front() const;
  void DropFront();

  // How many lines were lost since the last that was pushed; they count as told from now on.
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
