// Joins consecutive frames of a flow to one GSO frame (GRO, the reverse of segmentation.h).
//
// A write to a TAP runs the receiver's network stack, which costs time per frame rather than per
// byte: to write 32 small datagrams as one frame takes less than a third of the time of 32 writes.
//
// Frames are joined only if segmentation would cut the result into the same bytes again. So the
// equation
//
//     segments of (frames joined) == frames, each with its checksum finished, byte for byte
//
// holds for every joined frame, and frames that would break it leave alone:
//   Ethernet  addresses, tags and type alike, and no padding behind the packet
//   IPv4      no options, no fragment; identification +1 each; header checksum right
//   IPv6      no extension headers
//   TCP       next sequence number; acknowledgment, window, options and flags alike; not CWR, URG,
//             SYN, RST; FIN and PSH only on the frame that ends it
//   UDP       has a checksum
//   payload   not empty, and as long as that of the first frame; a shorter one is the last
//   checksum  right: either still to be filled in, from a right pseudo-header sum, or verified
//             here. A header that says "verified" is not trusted.
// The kernel's GRO (net/core/gro.c, net/ipv4/tcp_offload.c, udp_offload.c) has the same rules,
// except that identifications may stay equal under DF; segmentation would increment them.
//
// GSO frames join as the segments that they stand for.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/offload/validation.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

// The maximum of joined datagrams. Kernels before 6.9 accept no more (UDP_MAX_SEGMENTS,
// linux/udp.h).
inline constexpr size_t kMaxJoinedDatagrams = 64;

// A cheap test whether the second frame may continue the first. It excludes most pairs of frames
// that are not of one flow, or not of IP, so traffic that never joins costs little. Precondition:
// both frames have an Ethernet header.
[[nodiscard]] inline bool MayContinue(std::span<const std::byte> first,
                                      std::span<const std::byte> second) {
  const auto type = static_cast<EtherType>(LoadBe16(second.data() + kTypeOffset));
  if (type != EtherType::kIpv4 && type != EtherType::kIpv6 && !IsVlanTag(type)) return false;
  return std::memcmp(first.data(), second.data(), kEthernetHeaderSize) == 0;
}

// One joined frame under construction. It refers to the bytes of the first frame.
class Coalescer {
 public:
  // Begins anew with a frame as it was received; `offload` is its validated header. Returns false
  // if no frame can follow it.
  [[nodiscard]] bool Start(const VirtioNetHeader& offload, std::span<const std::byte> frame);

  // Joins a frame to those before. Returns false, and changes nothing, if it cannot be joined.
  // Precondition: Start returned true.
  [[nodiscard]] bool Join(const VirtioNetHeader& offload, std::span<const std::byte> frame);

  // The offloads that a port needs to send the joined frame.
  [[nodiscard]] OffloadSet needed() const;

  // The offset of the payload in each frame.
  [[nodiscard]] size_t header_size() const { return header_size_; }
  [[nodiscard]] size_t payload_size() const { return payload_size_; }

  // The header of the joined frame. Precondition of this and of BuildHeaders: a frame has been
  // joined.
  [[nodiscard]] VirtioNetHeader offload() const;
  // Writes the headers of the joined frame to `headers`, which has header_size() bytes outside of
  // the frames.
  void BuildHeaders(std::span<std::byte> headers) const;

 private:
  [[nodiscard]] bool StartIp(std::span<const std::byte> frame, const TransportHeader& transport);
  [[nodiscard]] bool StartTransport(const VirtioNetHeader& offload);
  [[nodiscard]] bool Fits(const VirtioNetHeader& offload, size_t payload) const;
  [[nodiscard]] bool ContinuesIp(std::span<const std::byte> frame) const;
  [[nodiscard]] bool ContinuesTcp(const std::byte* header) const;
  [[nodiscard]] bool ContinuesUdp(const VirtioNetHeader& offload,
                                  std::span<const std::byte> frame) const;
  [[nodiscard]] bool IsChecksumRight(const VirtioNetHeader& offload,
                                     std::span<const std::byte> frame) const;
  [[nodiscard]] bool IsFirstRight();
  [[nodiscard]] size_t SegmentsIn(size_t payload) const {
    return payload <= segment_size_ ? 1 : (payload + segment_size_ - 1) / segment_size_;
  }

  std::span<const std::byte> first_;
  VirtioNetHeader first_offload_;
  bool is_ipv6_ = false;
  bool is_udp_ = false;
  bool first_is_right_ = false;  // the checksum of the first frame was verified
  bool ended_ = false;           // nothing can follow
  uint16_t network_offset_ = 0;
  uint16_t transport_offset_ = 0;
  uint16_t header_size_ = 0;
  uint16_t segment_size_ = 0;
  uint16_t last_flags_ = 0;  // FIN and PSH of the last frame
  size_t payload_size_ = 0;
  size_t segments_ = 0;
  ChecksumSum ipv4_sum_;    // of the IPv4 header without the fields that change
  ChecksumSum pseudo_sum_;  // of the pseudo header without the length
};

}  // namespace tapswitch
