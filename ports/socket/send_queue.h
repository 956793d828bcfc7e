// A queue of frames that a socket did not accept yet, copied with their stream prefixes, in order.
// It holds a fixed number of bytes and of frames. So a receiver that does not read only fills its
// own queue.

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
  // This is three times the longest frame, and two turns of ordinary frames.
  static constexpr size_t kMaxBytes = size_t{256} * 1024;
  static constexpr size_t kMaxFrames = 1024;

  // The queue is stored in `memory`, of kMaxBytes, which must outlive it.
  explicit SendQueue(std::span<std::byte> memory) : memory_(memory) {}

  [[nodiscard]] bool empty() const { return frames_ == 0; }
  [[nodiscard]] size_t frames() const { return frames_; }

  // Appends the frame behind its prefix, without the first `done` bytes of both, which are sent
  // already. Returns false if it does not fit; one frame always fits in an empty queue.
  [[nodiscard]] bool Append(const WireFrame& frame, size_t done = 0);

  // All waiting bytes, prefixes and frames. The second piece may be empty.
  [[nodiscard]] std::array<iovec, 2> AllBytes() const { return Bytes(0, bytes_); }
  // Removes `bytes` from the front, as they have been sent.
  void Sent(size_t bytes);

  // The first frame: how many of its bytes wait, prefix included, and how long it is. Precondition:
  // !empty().
  [[nodiscard]] size_t first_left() const { return entries_[first_].left; }
  [[nodiscard]] size_t first_frame() const { return entries_[first_].frame; }
  // Goes on with the bytes of another queue, of whose first frame so many waited. False when they
  // make no sense: then the queue is empty. Precondition: empty().
  [[nodiscard]] bool Restore(std::span<const std::byte> bytes, size_t first_left,
                             size_t first_frame);

  // The first frame without its prefix.
  [[nodiscard]] std::array<iovec, 2> FirstFrame() const;
  // Removes the first frame, and returns its size. Precondition: !empty().
  size_t PopFrame();

 private:
  [[nodiscard]] bool AppendRest(std::span<const std::byte> bytes, size_t frame);

  struct Entry {
    uint32_t left;   // bytes in memory_
    uint32_t frame;  // bytes of the whole frame
  };

  void Store(const std::byte* data, size_t size);
  [[nodiscard]] std::array<iovec, 2> Bytes(size_t from, size_t size) const;

  std::span<std::byte> memory_;
  size_t head_ = 0;  // offset of the first waiting byte
  size_t bytes_ = 0;
  std::array<Entry, kMaxFrames> entries_{};
  size_t first_ = 0;
  size_t frames_ = 0;
};

}  // namespace tapswitch
