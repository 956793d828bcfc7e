// The frames that a port reads from a socket in one turn, in the form the bridge wants: each behind
// a zeroed virtio-net header, and in place until Recycle.
//
// In a stream, the place of that header holds the length of the frame and the end of the frame
// before. So the frames are copied, which costs some 20 ns for one of 1500 bytes, as it is in the
// cache. In return, many frames are read at once; a read costs a microsecond.

#pragma once

#include <cstddef>
#include <span>

#include "switch/forwarding/frame.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/stats.h"

namespace tapswitch {

class ReceivedFrames {
 public:
  // The maximum of frames in one turn. It is the share of one port, so that two ports fit in a
  // batch. A stream is asked for this many frames of 1500 bytes in one read.
  static constexpr size_t kMaxFrames = 96;

  // The memory that frames of `bytes` in total need.
  static constexpr size_t MemoryFor(size_t bytes) { return bytes + kMaxFrames * kOverhead; }

  explicit ReceivedFrames(std::span<std::byte> memory) : memory_(memory) {}

  // Begins a turn: all memory may be used again.
  void Clear() {
    used_ = 0;
    count_ = 0;
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] size_t count() const { return count_; }

  // Counts a frame and, unless it is too short, copies it and appends it to `received`.
  // Precondition: count() < kMaxFrames, `received` is not full, and the frames since Clear fit in
  // the memory.
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
