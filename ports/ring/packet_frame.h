// How a frame from an AF_PACKET socket lies in its receive buffer, whichever ring has read it.
//
// The kernel takes a frame's outer VLAN tag out and hands it over beside the frame, as auxiliary data
// (packet(7), PACKET_AUXDATA). So a buffer begins with a preamble, laid out as io_uring's multishot
// RECVMSG does (struct io_uring_recvmsg_out, then the control message), and the virtio-net header
// and the frame follow. A completion's result counts all of it.

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

// What a preamble says; one without auxiliary data says nothing of tags.
[[nodiscard]] PacketFrame ParsePacketPreamble(
    std::span<const std::byte, kPacketPreambleSize> preamble);

// Writes the first part of a preamble, as io_uring would: the control message behind it is there
// already, and `flags` are those that recvmsg(2) returned. Unseen by AddressSanitizer: buffers that
// the kernel may write into are poisoned for everybody else (buffer_pool.h).
void StorePacketPreamble(std::byte* buffer, uint32_t control_size, uint32_t payload_size,
                         uint32_t flags);

// Reads the next frame of a packet socket into a buffer. Returns the size, preamble included; -1 and
// errno on an error.
[[nodiscard]] ssize_t ReceivePacket(int fd, std::byte* buffer, size_t size);

}  // namespace tapswitch
