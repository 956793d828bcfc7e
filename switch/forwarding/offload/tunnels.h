// GSO frames whose TCP or UDP header stands behind the headers of a tunnel.
//
// A veth, a bridge and other virtual interfaces claim all the GSO that Linux has, so that a station's
// stack hands over what is inside of its tunnels uncut. The virtio-net header then names the GSO type
// of the inner packet, and its checksum_start stands at the inner transport header; nothing says that
// there is a tunnel. It is found by walking the headers from the front:
//
//   MPLS labels; IPv4 and IPv6, with options and extension headers; of IP in IP, IPv4 and IPv6 (IPIP,
//   SIT, IP6IP6); GRE and GRETAP, with key and checksum; over UDP VXLAN, VXLAN-GPE, Geneve, GUE, and
//   IP itself (FOU), at any port; inner Ethernet headers with VLAN tags.
//
// No virtio-net header that the kernel takes can say this (virtio 1.2), so that such a frame leaves
// as its segments, whatever the port takes.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "switch/forwarding/offload/validation.h"

namespace tapswitch {

// A header in front of the inner packet that says how long the rest is, or sums it.
struct TunnelLayer {
  enum class Kind : uint8_t { kIpv4, kIpv6, kUdp, kGreChecksum };
  Kind kind = Kind::kIpv4;
  uint16_t offset = 0;  // of the header
};

// At most so many of them. Linux leaves one tunnel uncut, which has two.
inline constexpr size_t kMaxTunnelLayers = 4;

struct TunnelLayout {
  TransportHeader inner;  // the headers of the packet that will be cut
  std::array<TunnelLayer, kMaxTunnelLayers> layers{};
  size_t layer_count = 0;  // outermost first
};

// The layout of a frame whose inner transport header starts at `transport_offset`. Nothing when the
// walk does not end there; when a length in an outer header is not what the frame has; and for what
// cannot be repeated before each segment (GRE with sequence numbers).
[[nodiscard]] std::optional<TunnelLayout> LocateTunnelled(std::span<const std::byte> frame,
                                                          size_t transport_offset);

// True when an SCTP header starts at `transport_offset`, in a tunnel or not.
[[nodiscard]] bool IsSctpHeader(std::span<const std::byte> frame, size_t transport_offset);

}  // namespace tapswitch
