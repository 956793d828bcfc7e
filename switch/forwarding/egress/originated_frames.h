// Frames that the bridge itself originates, finished: probes, and answers in the name of others.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

// Has a fixed capacity. The bytes stay in place until Clear.
class OriginatedFrames {
 public:
  static constexpr size_t kCapacity = 256;
  static constexpr size_t kMaxFrameSize = 1518;
  // The most bytes of all frames together, with the 10 bytes in front of each. A frame that leaves
  // by several ports counts once.
  static constexpr size_t kMostBytes = size_t{48} * 1024;

  struct Copy {
    PortId egress;
    Piece wire;  // a virtio-net header that says "nothing to do", then the frame
  };

  [[nodiscard]] size_t room() const { return kCapacity - size_; }

  // Copies a frame as it is to leave, tag included. Nothing when there is no room for its bytes.
  // Precondition: frame.size() <= kMaxFrameSize.
  [[nodiscard]] std::optional<Piece> Store(std::span<const std::byte> frame) {
    const size_t size = kVirtioNetHeaderSize + frame.size();
    if (kMostBytes - used_ < size) return std::nullopt;
    std::byte* const wire = bytes_.data() + used_;
    std::fill_n(wire, kVirtioNetHeaderSize, std::byte{0});
    std::copy(frame.begin(), frame.end(), wire + kVirtioNetHeaderSize);
    used_ += size;
    return Piece{.data = wire, .size = size};
  }

  // Has a stored frame leave by a port. Precondition: room() > 0.
  void Append(PortId egress, Piece wire) { copies_[size_++] = {.egress = egress, .wire = wire}; }

  [[nodiscard]] std::span<const Copy> copies() const { return std::span(copies_).first(size_); }

  void Clear() {
    size_ = 0;
    used_ = 0;
  }

 private:
  size_t size_ = 0;
  size_t used_ = 0;
  std::array<Copy, kCapacity> copies_{};
  std::array<std::byte, kMostBytes> bytes_{};
};

}  // namespace tapswitch
