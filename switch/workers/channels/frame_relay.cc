#include "switch/workers/channels/frame_relay.h"

#include <utility>

#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {

FrameRelay::FrameRelay(const WakeEvent& wake) : wake_(wake) {
  for (Batch* const batch : {&filling_, &taken_}) {
    batch->bytes.reserve(kMaxBytes);
    batch->entries.reserve(kMaxFrames);
  }
  pieces_.reserve(kMaxFrames);
  frames_.reserve(kMaxFrames);
}

size_t FrameRelay::Append(PortId to, std::span<const WireFrame> frames) {
  size_t count = 0;
  bool was_empty = false;
  {
    const MutexLock lock(mutex_);
    was_empty = filling_.entries.empty();
    while (count < frames.size() && Store(to, frames[count])) ++count;
    if (count > 0) has_frames_.store(true, std::memory_order_release);
  }
  if (was_empty && count > 0) wake_.Signal();
  return count;
}

bool FrameRelay::Store(PortId to, const WireFrame& frame) {
  const size_t size = kVirtioNetHeaderSize + frame.size;
  if (filling_.entries.size() == kMaxFrames || size > kMaxBytes - filling_.bytes.size()) {
    return false;
  }
  for (const Piece& piece : frame.pieces) {
    filling_.bytes.insert(filling_.bytes.end(), piece.data, piece.data + piece.size);
  }
  filling_.entries.push_back({.to = to, .size = frame.size});
  return true;
}

void FrameRelay::Take(const Sink& sink) {
  if (!has_frames_.load(std::memory_order_acquire)) return;
  taken_.bytes.clear();
  taken_.entries.clear();
  pieces_.clear();
  frames_.clear();
  {
    const MutexLock lock(mutex_);
    std::swap(filling_, taken_);
    has_frames_.store(false, std::memory_order_relaxed);
  }
  const std::byte* next = taken_.bytes.data();
  for (const Entry& entry : taken_.entries) {
    const Piece piece{.data = next, .size = kVirtioNetHeaderSize + entry.size};
    next += piece.size;
    pieces_.push_back(piece);
    frames_.push_back({.pieces = {&pieces_.back(), 1}, .size = entry.size});
  }
  for (size_t begin = 0; begin < frames_.size();) {
    const PortId to = taken_.entries[begin].to;
    size_t end = begin + 1;
    while (end < frames_.size() && taken_.entries[end].to == to) ++end;
    sink(to, std::span(frames_).subspan(begin, end - begin));
    begin = end;
  }
}

}  // namespace tapswitch
