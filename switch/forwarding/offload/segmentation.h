// Cuts a GSO frame into segments for a receiver without the offload. Each segment is complete with
// lengths, sequence numbers and checksums.
//
// These fields differ between segments (net/ipv4/tcp_offload.c, udp_offload.c):
//   IPv4   total length, identification (+1 each), header checksum
//   IPv6   payload length
//   TCP    sequence number; FIN and PSH stay only on the last, CWR only on the first
//   UDP    length; checksum 0 is sent as 0xFFFF
//   tunnels (tunnels.h): in each outer header IPv4 and IPv6 as above; the length of UDP, and its
//          checksum unless it is 0; the checksum of GRE
// VLAN tags, IPv4 options, IPv6 extension headers and all other fields are copied.
//
// The sum over the pseudo header is not computed from the addresses: it is the value of the
// checksum field, less the length of the whole frame. With source routing (IPv4 LSRR, IPv6 segments
// left) the final address counts (RFC 8200, 8.1), which only the sender knows for sure.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/offload/tunnels.h"
#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {

// The plan by which a frame is cut. It is computed once, and each segment is built from it.
struct SegmentPlan {
  size_t header_size = 0;   // of all headers, the same for each segment; <= kMaxGsoHeaderSize
  size_t payload_size = 0;  // of the whole frame
  size_t segment_size = 0;  // payload of each segment but the last
  size_t count = 0;         // 1 when the payload fits in one segment

  // The parts of the checksums that all segments share, so that they are summed once.
  size_t network_offset = 0;
  ChecksumSum ipv4_sum{};       // the IPv4 header without the fields that change
  ChecksumSum transport_sum{};  // pseudo and transport header without the fields that change

  std::array<TunnelLayer, kMaxTunnelLayers> layers{};
  size_t layer_count = 0;

  [[nodiscard]] size_t payload_offset(size_t index) const {
    return header_size + index * segment_size;
  }
  [[nodiscard]] size_t payload_length(size_t index) const {
    return std::min(segment_size, payload_size - index * segment_size);
  }
};

// Makes the plan. Returns nothing if the frame has no payload. Precondition: `header` was returned
// by ValidateOffload for `frame`, with a GSO type.
[[nodiscard]] std::optional<SegmentPlan> PlanSegments(const VirtioNetHeader& header,
                                                      std::span<const std::byte> frame);

// Writes the headers of segment `index` to `headers`. Its payload is not copied: it is
// frame[plan.payload_offset(index), +plan.payload_length(index)).
// Precondition: `plan` was made for this header and frame; index < plan.count; headers has
// plan.header_size bytes, outside of the frame.
void BuildSegmentHeaders(const VirtioNetHeader& header, std::span<const std::byte> frame,
                         const SegmentPlan& plan, size_t index, std::span<std::byte> headers);

}  // namespace tapswitch
