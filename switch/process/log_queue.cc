#include "switch/process/log_queue.h"

#include <algorithm>
#include <cstring>

namespace tapswitch {

LogQueue::LogQueue() : lines_(std::make_unique_for_overwrite<Line[]>(kCapacity)) {
  for (uint64_t i = 0; i < kCapacity; ++i) places_[i].turn.store(i, std::memory_order_relaxed);
}

// A place whose `turn` equals a position is free for the line of that position. When `turn` is one
// more, the line is stored.
void LogQueue::Push(spdlog::log_clock::time_point time, spdlog::level::level_enum level,
                    std::string_view text) {
  uint64_t position = back_.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t turn = places_[position & kMask].turn.load(std::memory_order_acquire);
    if (turn < position) {  // the line of the round before is still there
      lost_.fetch_add(1);
      return;
    }
    if (turn > position) {
      position = back_.load(std::memory_order_relaxed);
    } else if (back_.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) {
      break;
    }
  }
  Line& line = lines_[position & kMask];
  line.time = time.time_since_epoch().count();
  line.level = level;
  line.lost_before = lost_.exchange(0);
  line.size = static_cast<uint32_t>(std::min(text.size(), kLongestText));
  std::memcpy(line.text.data(), text.data(), line.size);
  if (text.size() > kLongestText) {
    constexpr std::string_view kRest = "...";
    kRest.copy(line.text.data() + kLongestText - kRest.size(), kRest.size());
  }
  places_[position & kMask].turn.store(position + 1, std::memory_order_release);
}

const LogQueue::Line* LogQueue::Front() const {
  const bool is_there = places_[front_ & kMask].turn.load(std::memory_order_acquire) == front_ + 1;
  return is_there ? &lines_[front_ & kMask] : nullptr;
}

void LogQueue::DropFront() {
  places_[front_ & kMask].turn.store(front_ + kCapacity, std::memory_order_release);
  ++front_;
}

}  // namespace tapswitch
