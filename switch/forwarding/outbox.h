// Frames that the bridge itself originates: probes, and answers in the name of others.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

// Fixed room. The bytes stay in place until Clear.
class Outbox {
 public:
  static constexpr size_t kCapacity = 256;
  static constexpr size_t kMaxFrameSize = 118;

  struct Letter {
    PortId egress;
    Piece wire;  // a virtio-net header that says "nothing to do", then the frame
  };

  // A frame as it is to leave, tag included. False when there is no room.
  // Precondition: frame.size() <= kMaxFrameSize.
  [[nodiscard]] bool Post(PortId egress, std::span<const std::byte> frame) {
    if (size_ == kCapacity) return false;
    auto& bytes = bytes_[size_];
    bytes.fill({});
    std::copy(frame.begin(), frame.end(), bytes.begin() + kVirtioNetHeaderSize);
    letters_[size_++] = {
        .egress = egress,
        .wire = {.data = bytes.data(), .size = kVirtioNetHeaderSize + frame.size()}};
    return true;
  }

  [[nodiscard]] std::span<const Letter> letters() const { return std::span(letters_).first(size_); }
  void Clear() { size_ = 0; }

 private:
  size_t size_ = 0;
  std::array<Letter, kCapacity> letters_{};
  std::array<std::array<std::byte, kVirtioNetHeaderSize + kMaxFrameSize>, kCapacity> bytes_{};
};

}  // namespace tapswitch
