// The frames that a port reads from a socket in one turn, as the bridge wants them: in place until
// Recycle, with room for a virtio-net header, zero, in front of each.
//
// In a stream four bytes of length and the end of the frame before stand where the header has to be,
// so the frames are copied; some 20 ns for one of 1500 bytes, which is in the cache as it has just
// been read. What that buys is a read of many frames at once, at a microsecond a read.

#pragma once

#include <cstddef>
#include <span>

#include "switch/forwarding/frame.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/stats.h"

namespace tapswitch {

class ReceivedFrames {
 public:
  // Frames of one turn: what one port may bring at once, so that two find room in a batch. As many
  // of 1500 bytes as a stream is asked for in one read.
  static constexpr size_t kMaxFrames = 96;

  // Memory for frames that make `bytes` together.
  static constexpr size_t MemoryFor(size_t bytes) { return bytes + kMaxFrames * kOverhead; }

  explicit ReceivedFrames(std::span<std::byte> memory) : memory_(memory) {}

  // A turn begins: all bytes may be used again.
  void Clear() {
    used_ = 0;
    count_ = 0;
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] size_t count() const { return count_; }

  // Counts a frame and, unless it is too short, copies it and appends it to `received`.
  // Precondition: count() < kMaxFrames, `received` is not full, and the frames since Clear make no more
  // bytes than agreed upon.
  void Take(std::span<const std::byte> frame, PortId port, PortCounters& counters,
            FrameBatch& received);

 private:
  static constexpr size_t kAlignment = 16;
  static constexpr size_t kOverhead = 2 * kAlignment;

  std::span<std::byte> memory_;
  size_t used_ = 0;
  size_t count_ = 0;
};

}  // namespace tapswitch
