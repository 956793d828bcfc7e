// Frames on a connected socket that keeps messages apart (SOCK_SEQPACKET), a message each, with the
// virtio-net header in front. So unfinished checksums and frames that are still to be cut pass as
// they are.
//
// A call reads many frames in place (recvmmsg(2)), and another one sends many from where they lie
// (sendmmsg(2)). All calls are non-blocking. Frames that the socket does not take are copied into a
// queue of fixed size; beyond that they are dropped and counted.

#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "ports/link/frame_queue.h"
#include "ports/os/buffer_memory.h"
#include "ports/os/file_descriptor.h"
#include "ports/port.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

class FrameSocket {
 public:
  // The maximum of frames in one turn: what stays in the cache when all have 64 KiB.
  static constexpr size_t kMaxFrames = 32;
  // The longest packet of IP, an Ethernet header and two VLAN tags.
  static constexpr size_t kLongestFrame = 65535 + 14 + 8;

  // ResourceExhausted when there is no memory.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<FrameSocket>> Make();
  ~FrameSocket() = default;
  FrameSocket(const FrameSocket&) = delete;
  FrameSocket& operator=(const FrameSocket&) = delete;

  [[nodiscard]] bool is_open() const { return socket_.valid(); }
  [[nodiscard]] int fd() const { return socket_.get(); }
  void Open(FileDescriptor socket) { socket_ = std::move(socket); }
  // Ends the connection. Frames that wait are not sent any more, and counted.
  void Close(PortCounters& counters);

  enum class Input : uint8_t { kEmpty, kMore, kEnded };
  // Appends up to `limit` frames, as far as `received` has room. The frames stay in place until the
  // next call.
  [[nodiscard]] Input Receive(const PortIdentity& identity, size_t limit, FrameBatch& received);

  // Sends or keeps each frame, or drops and counts it.
  void Send(std::span<const WireFrame> frames, PortCounters& counters);
  // Sends what waits, as far as the socket takes it.
  void SendQueued(PortCounters& counters);
  [[nodiscard]] FrameQueue& queue() { return queue_; }
  [[nodiscard]] const FrameQueue& queue() const { return queue_; }

 private:
  explicit FrameSocket(BufferMemory memory);
  void TakeFrame(size_t slot, const PortIdentity& identity, FrameBatch& received);
  [[nodiscard]] std::span<const WireFrame> SendNow(std::span<const WireFrame> frames,
                                                   PortCounters& counters) const;

  BufferMemory memory_;
  FrameQueue queue_;
  FileDescriptor socket_;
  std::array<iovec, kMaxFrames> places_{};
  std::array<mmsghdr, kMaxFrames> messages_{};
};

}  // namespace tapswitch
