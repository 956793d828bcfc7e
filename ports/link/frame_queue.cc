#include "ports/link/frame_queue.h"

#include <algorithm>
#include <cstring>

#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire/bytes.h"

namespace tapswitch {

std::span<std::byte> FrameQueue::Allocate(size_t size) {
  if (count_ == kMaxFrames || size == 0) return {};
  const size_t begin = empty() ? 0 : entries_[first_].offset;
  size_t offset = empty() ? 0 : end_;
  // The frames lie between `begin` and `end_`, or they go on at the start of the memory.
  const bool goes_on = !empty() && end_ <= begin;
  if (!goes_on && size > kMaxBytes - offset) offset = 0;
  const size_t limit = goes_on || (offset == 0 && !empty()) ? begin : kMaxBytes;
  if (size > limit - offset) return {};
  entries_[(first_ + count_++) % kMaxFrames] = {.offset = static_cast<uint32_t>(offset),
                                                .size = static_cast<uint32_t>(size)};
  end_ = offset + size;
  return memory_.subspan(offset, size);
}

bool FrameQueue::Append(const WireFrame& frame) {
  const std::span<std::byte> place = Allocate(kVirtioNetHeaderSize + frame.size);
  if (place.empty()) return false;
  std::byte* at = place.data();
  for (const Piece& piece : frame.pieces) at = std::copy_n(piece.data, piece.size, at);
  return true;
}

void FrameQueue::Pop() {
  first_ = (first_ + 1) % kMaxFrames;
  --count_;
}

std::vector<std::byte> FrameQueue::Save() const {
  std::vector<std::byte> saved;
  for (size_t i = 0; i < count_; ++i) {
    const std::span<const std::byte> frame = at(i);
    std::array<std::byte, sizeof(uint32_t)> size{};
    StoreBe32(size.data(), static_cast<uint32_t>(frame.size()));
    saved.insert(saved.end(), size.begin(), size.end());
    saved.insert(saved.end(), frame.begin(), frame.end());
  }
  return saved;
}

bool FrameQueue::Restore(std::span<const std::byte> saved) {
  while (!saved.empty()) {
    if (saved.size() < sizeof(uint32_t)) return false;
    const size_t size = LoadBe32(saved.data());
    saved = saved.subspan(sizeof(uint32_t));
    if (size <= kVirtioNetHeaderSize || size > saved.size()) return false;
    const std::span<std::byte> place = Allocate(size);
    if (place.empty()) return false;
    std::memcpy(place.data(), saved.data(), size);
    saved = saved.subspan(size);
  }
  return true;
}

}  // namespace tapswitch
