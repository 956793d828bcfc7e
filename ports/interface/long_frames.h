// Frames that a packet socket refuses for their length though the interface takes them.
//
// A socket measures a frame by the interface's MTU and an Ethernet header, with four bytes more
// only behind an 802.1Q tag (net/packet/af_packet.c, packet_snd). The device behind, as a bridge,
// takes four more of any frame (net/core/dev.c, __is_skb_forwardable), and so a customer's tag
// behind that of a provider. What leaves through a PACKET_TX_RING with virtio-net headers is not
// measured by the socket (tpacket_snd). A device that measures by itself, as a veth does, does not
// count a tag that is beside the bytes, where tcx_tag.h moves it. Such frames are rare: each costs
// a copy and a call of its own.

#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

// Whether `frame` is one that a packet socket on an interface of this MTU refuses. One that is
// still to be segmented never is.
[[nodiscard]] bool IsTooLongForSocket(const WireFrame& frame, uint32_t mtu);

class LongFrames {
 public:
  // Opens a way into the interface that `packet_socket` is bound to, in its namespace, for frames
  // of up to so many bytes. Requires what opening that socket did.
  [[nodiscard]] static absl::StatusOr<LongFrames> Open(int packet_socket, size_t longest);

  ~LongFrames();
  LongFrames(LongFrames&& other) noexcept
      : socket_(std::move(other.socket_)),
        tag_mover_(std::move(other.tag_mover_)),
        ring_(std::exchange(other.ring_, {})),
        slot_size_(other.slot_size_),
        next_(other.next_) {}
  LongFrames& operator=(LongFrames&&) = delete;
  LongFrames(const LongFrames&) = delete;
  LongFrames& operator=(const LongFrames&) = delete;

  // Sends without waiting. Zero, or the errno; EMSGSIZE: longer than was said at opening. Before
  // Linux 6.6 a veth may lose a frame with a tag, and counts it (tx_dropped).
  [[nodiscard]] int Send(const WireFrame& frame);

 private:
  LongFrames(FileDescriptor socket, FileDescriptor tag_mover, std::span<std::byte> ring,
             size_t slot_size)
      : socket_(std::move(socket)),
        tag_mover_(std::move(tag_mover)),
        ring_(ring),
        slot_size_(slot_size) {}

  FileDescriptor socket_;
  FileDescriptor tag_mover_;   // empty where the kernel has no such thing
  std::span<std::byte> ring_;  // shared with the kernel: slots that are sent in order
  size_t slot_size_;
  size_t next_ = 0;
};

}  // namespace tapswitch
