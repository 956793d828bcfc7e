// Frames as a port would hand them to the bridge: owned bytes with a virtio-net header in front.

#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "switch/forwarding/frame.h"
#include "switch/forwarding/offload/validation.h"
#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {

// Keeps the bytes of frames alive and in place.
class TestFrames {
 public:
  // A frame that needs no work.
  Frame Plain(PortId ingress, std::span<const std::byte> bytes) {
    return WithOffload(ingress, bytes, {});
  }

  // A frame with unfinished work; `header` is stored and taken as validated.
  Frame WithOffload(PortId ingress, std::span<const std::byte> bytes,
                    const VirtioNetHeader& header) {
    auto& wire = storage_.emplace_back(kVirtioNetHeaderSize);
    wire.insert(wire.end(), bytes.begin(), bytes.end());
    StoreVirtioNetHeader(header, std::span(wire).first<kVirtioNetHeaderSize>());
    return {
        .wire = {.data = wire.data(), .size = wire.size()},
        .ingress = ingress,
        .needed = NeededOffloads(header, bytes),
        .offload = header,
    };
  }

 private:
  std::deque<std::vector<std::byte>> storage_;
};

// The bytes of a finished frame, gathered, with the virtio-net header in front.
[[nodiscard]] inline std::vector<std::byte> Gather(const WireFrame& frame) {
  std::vector<std::byte> bytes;
  for (const Piece& piece : frame.pieces) {
    bytes.insert(bytes.end(), piece.data, piece.data + piece.size);
  }
  return bytes;
}

}  // namespace tapswitch
