// Finds the tunnel headers of GSO frames whose TCP or UDP header is inside a tunnel.
//
// A veth, a bridge and other virtual interfaces claim all of Linux's GSO, so a station's stack
// hands over the content of its tunnels uncut. The virtio-net header then names the GSO type of the
// inner packet, and its checksum_start is the inner transport header; it does not mention a tunnel.
// The tunnel is found by a walk over the headers from the front:
//
//   MPLS labels; IPv4 and IPv6, with options and extension headers; of IP in IP, IPv4 and IPv6
//   (IPIP, SIT, IP6IP6); GRE and GRETAP, with key and checksum; over UDP VXLAN, VXLAN-GPE, Geneve,
//   GUE, and IP itself (FOU), at any port; inner Ethernet headers with VLAN tags.
//
// No virtio-net header that the kernel accepts can express this (virtio 1.2). So such a frame
// leaves as its segments, whatever the port supports.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "switch/forwarding/offload/validation.h"

namespace tapswitch {

// A header in front of the inner packet that holds a length or a checksum of the rest.
struct TunnelLayer {
  enum class Kind : uint8_t { kIpv4, kIpv6, kUdp, kGreChecksum };
  Kind kind = Kind::kIpv4;
  uint16_t offset = 0;  // of the header
};

// The maximum of such headers. Linux leaves one tunnel uncut, which has two.
inline constexpr size_t kMaxTunnelLayers = 4;

struct TunnelLayout {
  TransportHeader inner;  // the headers of the packet that will be cut
  std::array<TunnelLayer, kMaxTunnelLayers> layers{};
  size_t layer_count = 0;  // outermost first
};

// Returns the layout of a frame whose inner transport header starts at `transport_offset`. Nothing
// if the walk does not end there, if a length in an outer header is wrong, or if a header cannot be
// repeated before each segment (GRE with sequence numbers).
[[nodiscard]] std::optional<TunnelLayout> LocateTunnelled(std::span<const std::byte> frame,
                                                          size_t transport_offset);

// Returns true if an SCTP header starts at `transport_offset`, in a tunnel or not.
[[nodiscard]] bool IsSctpHeader(std::span<const std::byte> frame, size_t transport_offset);

}  // namespace tapswitch
