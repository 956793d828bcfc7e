// Layout of a frame from an AF_PACKET socket in its receive buffer, whichever ring has read it.
//
// The kernel removes a frame's outer VLAN tag and passes it beside the frame, as auxiliary data
// (packet(7), PACKET_AUXDATA). So a buffer begins with a preamble, followed by the virtio-net
// header and the frame. The preamble has the layout of io_uring's multishot RECVMSG: struct
// io_uring_recvmsg_out, then the control message. The result of a completion counts all these
// bytes.

#pragma once

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace tapswitch {

inline constexpr size_t kPacketControlSize = CMSG_SPACE(sizeof(tpacket_auxdata));
inline constexpr size_t kPacketPreambleSize = 4 * sizeof(uint32_t) + kPacketControlSize;

struct PacketFrame {
  bool truncated = false;  // it did not fit in the buffer
  bool has_tag = false;
  uint16_t tag_type = 0;   // TPID
  uint16_t tag_value = 0;  // TCI
};

// Parses a preamble. Without auxiliary data, the result has no tag.
[[nodiscard]] PacketFrame ParsePacketPreamble(
    std::span<const std::byte, kPacketPreambleSize> preamble);

// Writes the first part of a preamble, as io_uring would. The control message behind it is there
// already; `flags` are those that recvmsg(2) returned. AddressSanitizer does not check these
// writes: buffers that the kernel may write into are poisoned for all other code (buffer_pool.h).
void StorePacketPreamble(std::byte* buffer, uint32_t control_size, uint32_t payload_size,
                         uint32_t flags);

// Reads the next frame of a packet socket into a buffer. Returns its size with the preamble, or -1
// and errno on an error.
[[nodiscard]] ssize_t ReceivePacket(int fd, std::byte* buffer, size_t size);

}  // namespace tapswitch
