#include "switch/forwarding/impairment/held_frames.h"

#include <algorithm>

namespace tapswitch {
namespace {

constexpr size_t kSmallSlot = 2048;
// A GSO frame with its virtio-net header.
constexpr size_t kLargeSlot = size_t{64} * 1024 + 512;
constexpr uint32_t kMostLarge = 1024;

void FillDescending(uint32_t first, uint32_t end, std::vector<uint32_t>& slots) {
  slots.reserve(end - first);
  for (uint32_t slot = end; slot > first; --slot) slots.push_back(slot - 1);
}

}  // namespace

HeldFrames::HeldFrames(uint32_t limit) : limit_(limit), small_count_(limit + kMostAtOnce) {
  const uint32_t large = std::min(small_count_, kMostLarge);
  small_ = std::make_unique_for_overwrite<std::byte[]>(small_count_ * kSmallSlot);
  large_ = std::make_unique_for_overwrite<std::byte[]>(large * kLargeSlot);
  const uint32_t all = small_count_ + large;
  entries_.resize(all);
  FillDescending(0, small_count_, free_small_);
  FillDescending(small_count_, all, free_large_);
  queue_.reserve(all);
  taken_.reserve(all);
}

std::byte* HeldFrames::MemoryOf(uint32_t slot) const {
  return slot < small_count_ ? small_.get() + slot * kSmallSlot
                             : large_.get() + (slot - small_count_) * kLargeSlot;
}

bool HeldFrames::IsLater(uint32_t a, uint32_t b) const {
  const Entry& one = entries_[a];
  const Entry& other = entries_[b];
  if (one.frame.release != other.frame.release) return one.frame.release > other.frame.release;
  return one.number > other.number;
}

HeldFrame* HeldFrames::Add(size_t wire_size, Nanoseconds release, bool waits) {
  Slots& free = wire_size <= kSmallSlot && !free_small_.empty() ? free_small_ : free_large_;
  if (free.empty() || wire_size > kLargeSlot) return nullptr;
  const uint32_t slot = free.back();
  free.pop_back();
  Entry& entry = entries_[slot];
  entry = {.frame = {.release = release,
                     .wire = {MemoryOf(slot), wire_size},
                     .needed = {},
                     .offload = {},
                     .whole = {MemoryOf(slot), wire_size}},
           .number = added_++,
           .waits = waits};
  if (waits) ++waiting_;
  queue_.push_back(slot);
  std::push_heap(queue_.begin(), queue_.end(),
                 [this](uint32_t a, uint32_t b) { return IsLater(a, b); });
  return &entry.frame;
}

const HeldFrame* HeldFrames::TakeDue(Nanoseconds now) {
  if (queue_.empty() || next_release() > now) return nullptr;
  std::pop_heap(queue_.begin(), queue_.end(),
                [this](uint32_t a, uint32_t b) { return IsLater(a, b); });
  const uint32_t slot = queue_.back();
  queue_.pop_back();
  if (queue_.empty()) all_are_due_ = false;
  taken_.push_back(slot);
  if (entries_[slot].waits) --waiting_;
  return &entries_[slot].frame;
}

void HeldFrames::Free(std::vector<uint32_t>& slots) {
  for (const uint32_t slot : slots) {
    (slot < small_count_ ? free_small_ : free_large_).push_back(slot);
  }
  slots.clear();
}

void HeldFrames::FreeTaken() { Free(taken_); }

void HeldFrames::Clear() {
  Free(queue_);
  waiting_ = 0;
  all_are_due_ = false;
}

}  // namespace tapswitch
