// Joins consecutive frames of a flow to one GSO frame (GRO, the reverse of segmentation.h).
//
// A write to a TAP runs the receiver's network stack, whose price is per frame and not per byte: 32
// small datagrams written as one cost less than a third of 32 written one by one.
//
// What may join is what segmentation would cut again to the same bytes; so
//
//     segments of (frames joined) == frames, each with its checksum finished, byte for byte
//
// holds for whatever is joined, and frames that break it leave one by one:
//   Ethernet  addresses, tags and type alike, and no padding behind the packet
//   IPv4      no options, no fragment; identification +1 each; header checksum right
//   IPv6      no extension headers
//   TCP       next sequence number; acknowledgment, window, options and flags alike; not CWR, URG,
//             SYN, RST; FIN and PSH only on the frame that ends it
//   UDP       has a checksum
//   payload   not empty, and as long as that of the first; a shorter one ends it
//   checksum  right: either still to be filled in, from a pseudo-header sum that is right, or
//             summed up here. That a header says "verified" is not believed.
// The kernel's GRO (net/core/gro.c, net/ipv4/tcp_offload.c, udp_offload.c) has the same rules, but
// lets identifications stand still under DF; cut again they would count.
//
// Frames that are GSO frames themselves join as the segments that they are.

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

// Kernels before 6.9 take no more of UDP (UDP_MAX_SEGMENTS, linux/udp.h).
inline constexpr size_t kMaxJoinedDatagrams = 64;

// Whether a look at two frames leaves it possible that the second continues the first. Cheap, so
// that traffic that never joins hardly pays: most pairs of frames that are not of one flow, or not
// of IP, end here. Precondition: both have an Ethernet header.
[[nodiscard]] inline bool MayContinue(std::span<const std::byte> first,
                                      std::span<const std::byte> second) {
  const auto type = static_cast<EtherType>(LoadBe16(second.data() + kTypeOffset));
  if (type != EtherType::kIpv4 && type != EtherType::kIpv6 && !IsVlanTag(type)) return false;
  return std::memcmp(first.data(), second.data(), kEthernetHeaderSize) == 0;
}

// One frame in the making. It refers to the bytes of the first.
class Coalescer {
 public:
  // Begins anew, with a frame as it came: `offload` is its validated header. False when nothing can
  // follow it.
  [[nodiscard]] bool Start(const VirtioNetHeader& offload, std::span<const std::byte> frame);

  // False, and nothing has changed, when the frame cannot be joined to those before.
  // Precondition: Start returned true.
  [[nodiscard]] bool Join(const VirtioNetHeader& offload, std::span<const std::byte> frame);

  // What a port has to accept to be sent the whole.
  [[nodiscard]] OffloadSet needed() const;

  // The payload of each frame begins here.
  [[nodiscard]] size_t header_size() const { return header_size_; }
  [[nodiscard]] size_t payload_size() const { return payload_size_; }

  // The header of the whole. Precondition of these two: a frame has been joined.
  [[nodiscard]] VirtioNetHeader offload() const;
  // Writes the headers of the whole to `headers`, which has header_size() bytes, not in the frame.
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
  bool first_is_right_ = false;  // its checksum is known to be
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
