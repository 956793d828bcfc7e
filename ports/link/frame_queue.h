// A queue of whole frames, each behind its virtio-net header, that a socket did not accept yet. It
// holds a fixed number of bytes and of frames. So a receiver that does not read only fills its own
// queue.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

class FrameQueue {
 public:
  // Some fifteen of the longest frames, and 700 of ordinary length.
  static constexpr size_t kMaxBytes = size_t{1} << 20U;
  static constexpr size_t kMaxFrames = 1024;

  // The queue is stored in `memory`, of kMaxBytes, which must outlive it.
  explicit FrameQueue(std::span<std::byte> memory) : memory_(memory) {}

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] size_t size() const { return count_; }

  // Appends a frame with its header. Returns false if it does not fit.
  [[nodiscard]] bool Append(const WireFrame& frame);

  // The header and the frame that is number `index` from the front. Precondition: index < size().
  [[nodiscard]] std::span<std::byte> at(size_t index) const {
    const Entry& entry = entries_[(first_ + index) % kMaxFrames];
    return memory_.subspan(entry.offset, entry.size);
  }
  // Removes the first frame. Precondition: !empty().
  void Pop();

  // All frames as one text, each behind its size of 4 bytes, for another process.
  [[nodiscard]] std::vector<std::byte> Save() const;
  // Appends the frames of such a text. Stops where it makes no sense, or where a frame does not
  // fit; returns false then.
  [[nodiscard]] bool Restore(std::span<const std::byte> saved);

 private:
  struct Entry {
    uint32_t offset;
    uint32_t size;
  };

  // Appends an entry of so many bytes, which lie together. Returns an empty span if there is no
  // room.
  [[nodiscard]] std::span<std::byte> Allocate(size_t size);

  std::span<std::byte> memory_;
  size_t end_ = 0;  // offset behind the last frame
  std::array<Entry, kMaxFrames> entries_{};
  size_t first_ = 0;
  size_t count_ = 0;
};

}  // namespace tapswitch
