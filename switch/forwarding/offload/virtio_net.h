// The virtio-net header that travels in front of each frame (virtio 1.2, 5.1.6; uapi
// linux/virtio_net.h): which checksum is still to be filled in, and how the frame is to be cut.
//
// A frame whose work is unfinished is legal only inside one machine. The header says what is
// unfinished; an egress port that takes the same offloads gets header and frame unchanged.
// The fields are little endian on the wire, as this switch asks the kernel (TUNSETVNETLE). Packet
// sockets (PACKET_VNET_HDR) use the byte order of the machine, which is little endian on all
// supported ones.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace tapswitch {

// The size of the header as the switch uses it: without num_buffers, which only mergeable receive
// buffers need.
inline constexpr size_t kVirtioNetHeaderSize = 10;

enum class GsoType : uint8_t {
  kNone = 0,
  kTcpV4 = 1,
  kTcpV6 = 4,
  kUdpL4 = 5,  // UDP segmentation (USO), IPv4 or IPv6
};

// The header in host form. `needs_checksum` and GsoType are the two kinds of unfinished work.
struct VirtioNetHeader {
  bool needs_checksum = false;  // VIRTIO_NET_HDR_F_NEEDS_CSUM
  bool data_valid = false;      // VIRTIO_NET_HDR_F_DATA_VALID: the checksum was verified
  GsoType gso = GsoType::kNone;
  bool ecn = false;              // VIRTIO_NET_HDR_GSO_ECN: the TCP segments carry CWR rules
  uint16_t header_length = 0;    // bytes of all headers; a hint for the kernel's linear part
  uint16_t gso_size = 0;         // payload bytes of each segment but the last
  uint16_t checksum_start = 0;   // where summing begins, from the frame's first byte
  uint16_t checksum_offset = 0;  // where the sum is stored, from checksum_start
  // Facts that the wire form cannot express, found by ValidateOffload:
  bool tunnelled = false;  // GSO of a packet inside a tunnel
  bool crc32c = false;     // the checksum is the CRC32c of SCTP

  bool operator==(const VirtioNetHeader&) const = default;
};

// Kinds of unfinished work, as a set. The needs of a frame (NeededOffloads) and the abilities of a
// port have the same type, so that `needed & ~accepted` is the work that is left for the switch.
enum class Offload : uint8_t {
  kChecksum = 1U << 0U,
  kTcp4 = 1U << 1U,
  kTcp6 = 1U << 2U,
  kTcpEcn = 1U << 3U,
  kUdp4 = 1U << 4U,
  kUdp6 = 1U << 5U,
  // No port accepts these, as the kernel has no means to be told.
  kCrc32c = 1U << 6U,
  kTunnel = 1U << 7U,
};

struct OffloadSet {
  uint8_t bits = 0;

  // All kinds that a virtio-net header can express.
  static constexpr OffloadSet All() { return {0x3F}; }
  constexpr void insert(Offload offload) { bits |= static_cast<uint8_t>(offload); }
  constexpr void remove(Offload offload) {
    bits &= static_cast<uint8_t>(~static_cast<unsigned>(offload));
  }
  [[nodiscard]] constexpr bool contains(Offload offload) const {
    return (bits & static_cast<uint8_t>(offload)) != 0;
  }
  // Returns true if each member of `needed` is in this set.
  [[nodiscard]] constexpr bool covers(OffloadSet needed) const {
    return (needed.bits & ~bits & 0xFFU) == 0;
  }
  bool operator==(const OffloadSet&) const = default;
};

// Reads the wire form. Returns nothing if flags or gso_type have bits that the switch does not
// know, as such a frame cannot be forwarded truthfully (UFO and tunnel GSO among them).
[[nodiscard]] std::optional<VirtioNetHeader> ParseVirtioNetHeader(
    std::span<const std::byte, kVirtioNetHeaderSize> wire);

void StoreVirtioNetHeader(const VirtioNetHeader& header,
                          std::span<std::byte, kVirtioNetHeaderSize> wire);

}  // namespace tapswitch
