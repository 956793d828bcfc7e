// Frames that a socket did not take yet, copied, with their stream prefixes, in order: a queue with
// room for so many bytes and so many frames, and no more. A receiver that does not read fills its
// own queue and nothing else.

#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "ports/socket/stream_framer.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

class SendQueue {
 public:
  // The longest frame three times over; two turns' worth of ordinary ones.
  static constexpr size_t kMaxBytes = size_t{256} * 1024;
  static constexpr size_t kMaxFrames = 1024;

  // The queue stands in `memory`, of kMaxBytes, which outlives it.
  explicit SendQueue(std::span<std::byte> memory) : memory_(memory) {}

  [[nodiscard]] bool empty() const { return frames_ == 0; }
  [[nodiscard]] size_t frames() const { return frames_; }

  // Appends the frame behind its prefix, without the first `done` bytes of both, which are sent
  // already. False when there is no room; never the case for one frame in an empty queue.
  [[nodiscard]] bool Append(const WireFrame& frame, size_t done = 0);

  // All that waits, prefixes and frames; the second piece may be empty.
  [[nodiscard]] std::array<iovec, 2> AllBytes() const { return Bytes(0, bytes_); }
  // So many bytes of it have been sent.
  void Sent(size_t bytes);

  // The first frame, without its prefix.
  [[nodiscard]] std::array<iovec, 2> FirstFrame() const;
  // Takes the first frame out, and returns its size. Precondition: !empty().
  size_t PopFrame();

 private:
  struct Entry {
    uint32_t left;   // bytes in memory_
    uint32_t frame;  // bytes of the whole frame
  };

  void Store(const std::byte* data, size_t size);
  [[nodiscard]] std::array<iovec, 2> Bytes(size_t from, size_t size) const;

  std::span<std::byte> memory_;
  size_t head_ = 0;  // of the first byte that waits
  size_t bytes_ = 0;
  std::array<Entry, kMaxFrames> entries_{};
  size_t first_ = 0;
  size_t frames_ = 0;
};

}  // namespace tapswitch
