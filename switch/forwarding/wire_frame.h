// The frames that ports are asked to send: the finished bytes of each, gathered from pieces.

#pragma once

#include <cstddef>
#include <span>

namespace tapswitch {

// Bytes that stand together. The layout is that of struct iovec (checked where rings use it), so
// that a gather list is handed to the kernel as it is.
struct Piece {
  const std::byte* data = nullptr;
  size_t size = 0;
};

// The first piece begins with the virtio-net header; the rest is the frame. A port whose medium
// carries no such header skips kVirtioNetHeaderSize bytes.
//
// Pieces and bytes are borrowed: they stay valid until the ring has submitted (Ring::Submit or
// Ring::SubmitAndWait). A port that cannot be done by then copies what it keeps, so that a slow
// receiver never holds the receive buffers of another port.
struct WireFrame {
  std::span<const Piece> pieces;
  size_t size = 0;  // bytes of the frame, without the virtio-net header
};

}  // namespace tapswitch
