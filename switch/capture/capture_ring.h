// Passes records of bytes from one thread to another without locks, in a fixed memory that one
// writes and the other reads. If it is full, the writer is told, and continues.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace tapswitch {

class CaptureRing {
 public:
  static constexpr size_t kAlignment = 8;  // alignment of records

  // `capacity` is a multiple of kAlignment.
  explicit CaptureRing(size_t capacity)
      : capacity_(capacity), memory_(std::make_unique_for_overwrite<std::byte[]>(capacity)) {}

  // Writer: reserves a record of `size` bytes in one piece; null if there is no room. The record is
  // not visible until Commit.
  [[nodiscard]] std::byte* Reserve(size_t size) {
    const uint64_t end = end_.load(std::memory_order_relaxed);
    const size_t needed = Footprint(size);
    const size_t to_edge = capacity_ - PlaceOf(end);
    const size_t skipped = needed > to_edge ? to_edge : 0;
    const uint64_t used = end - begin_.load(std::memory_order_acquire);
    if (skipped + needed > capacity_ - used) return nullptr;
    if (skipped > 0) StoreLength(end, 0);
    reserved_ = end + skipped;
    StoreLength(reserved_, size);
    return At(reserved_) + kAlignment;
  }

  // Writer: makes the record of the last Reserve visible.
  void Commit() { end_.store(reserved_ + Footprint(LoadLength(reserved_))); }

  // Reader: returns the oldest record; empty if there is none (no record is empty).
  [[nodiscard]] std::span<const std::byte> Front() {
    const uint64_t end = end_.load();
    uint64_t begin = begin_.load(std::memory_order_relaxed);
    if (begin == end) return {};
    if (LoadLength(begin) == 0) {  // the rest up to the edge was too small
      begin += capacity_ - PlaceOf(begin);
      begin_.store(begin, std::memory_order_release);
    }
    return {At(begin) + kAlignment, LoadLength(begin)};
  }

  // Reader: removes the oldest record.
  void Pop() {
    const uint64_t begin = begin_.load(std::memory_order_relaxed);
    begin_.store(begin + Footprint(LoadLength(begin)), std::memory_order_release);
  }

  // Positions in the stream of all records ever written: of its end, and of the oldest record.
  [[nodiscard]] uint64_t end() const { return end_.load(); }
  [[nodiscard]] uint64_t begin() const { return begin_.load(std::memory_order_relaxed); }

 private:
  // The size of a record with its length field.
  static constexpr size_t Footprint(size_t size) {
    return kAlignment + (size + kAlignment - 1) / kAlignment * kAlignment;
  }
  [[nodiscard]] size_t PlaceOf(uint64_t position) const { return position % capacity_; }
  [[nodiscard]] std::byte* At(uint64_t position) const { return memory_.get() + PlaceOf(position); }
  void StoreLength(uint64_t position, uint64_t length) const {
    std::memcpy(At(position), &length, sizeof(length));
  }
  [[nodiscard]] uint64_t LoadLength(uint64_t position) const {
    uint64_t length = 0;
    std::memcpy(&length, At(position), sizeof(length));
    return length;
  }

  static constexpr size_t kCacheLine = 64;

  size_t capacity_;
  std::unique_ptr<std::byte[]> memory_;
  uint64_t reserved_ = 0;                                // the writer's
  alignas(kCacheLine) std::atomic<uint64_t> end_ = 0;    // stored by the writer
  alignas(kCacheLine) std::atomic<uint64_t> begin_ = 0;  // stored by the reader
};

}  // namespace tapswitch
