// BPDUs of an interface that wait in a queue of their own, in case that of all frames was full: if
// three of them are lost in a row, a spanning tree takes its neighbour for dead, and may close a
// loop.

#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "ports/os/file_descriptor.h"
#include "ports/port.h"
#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {

class LostBpdus {
 public:
  // Frames that are received at once: all that the socket's queue has room for, so that none is
  // old.
  static constexpr size_t kMost = 32;

  // `socket` is one of OpenBpduSocket, or invalid.
  void Open(FileDescriptor socket) { socket_ = std::move(socket); }
  [[nodiscard]] FileDescriptor Close() { return std::exchange(socket_, FileDescriptor()); }
  [[nodiscard]] bool is_open() const { return socket_.valid(); }

  // Drops what waits, as it was received otherwise.
  void Forget();

  // Appends the frames that wait, and counts them as received by the port. They are in use until
  // the next call. Returns whether there were any.
  [[nodiscard]] bool Receive(const PortIdentity& port, FrameBatch& received);

 private:
  // A BPDU of 802.1Q with all its records is longer; it is cut off behind what a tree looks at.
  static constexpr size_t kSize = 256;

  FileDescriptor socket_;
  std::array<std::array<std::byte, kVirtioNetHeaderSize + kSize>, kMost> frames_{};
};

}  // namespace tapswitch
