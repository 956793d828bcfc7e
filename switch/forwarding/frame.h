// A received frame on its way through the bridge, and the batch it travels in.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

// The bytes belong to the port that received them and stay in place, unchanged, until that port's
// Recycle(), which the worker calls when every copy has been handed to its egress port.
//
// In memory the virtio-net header stands directly in front of the frame, so that a frame that needs
// no work leaves as it came, in one piece.
struct Frame {
  Piece wire;  // virtio-net header, then the frame
  PortId ingress;
  OffloadSet needed;        // unfinished work; empty for an ordinary frame
  VirtioNetHeader offload;  // validated against the bytes when `needed` is not empty

  // Makes it a frame without unfinished work. Member by member, where it stands: an object that is
  // copied here is read in wide words right after it was written in parts, which waits for all
  // writes before it.
  void Begin(Piece its_wire, PortId from) {
    wire.data = its_wire.data;
    wire.size = its_wire.size;
    ingress = from;
    needed = {};
    offload = {};
  }

  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {wire.data + kVirtioNetHeaderSize, wire.size - kVirtioNetHeaderSize};
  }
};

// Frames in arrival order. Fixed capacity: a turn of the worker handles at most this many.
class FrameBatch {
 public:
  static constexpr size_t kCapacity = 256;

  [[nodiscard]] bool full() const { return size_ == kCapacity; }
  [[nodiscard]] size_t room() const { return kCapacity - size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // The place of the next frame, which is in the batch once it is kept. Precondition of both:
  // !full().
  [[nodiscard]] Frame& next() { return frames_[size_]; }
  void Keep() { ++size_; }
  void push_back(const Frame& frame) {
    next() = frame;
    Keep();
  }
  void clear() { size_ = 0; }
  // Takes out the frames for which `is_unwanted` is true, in order.
  template <typename Predicate>
  void EraseIf(const Predicate& is_unwanted) {
    const std::span<Frame> all = std::span(frames_).first(size_);
    size_ = static_cast<size_t>(std::remove_if(all.begin(), all.end(), is_unwanted) - all.begin());
  }

  [[nodiscard]] std::span<const Frame> frames() const { return std::span(frames_).first(size_); }

 private:
  std::array<Frame, kCapacity> frames_{};
  size_t size_ = 0;
};

}  // namespace tapswitch
