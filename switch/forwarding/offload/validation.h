// Checks whether a virtio-net header is true of its frame.
//
// A header may come from a guest or a socket, and the kernel trusts what it is given. So no frame
// is forwarded before offsets, sizes and protocol have been checked against its bytes.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

// The type and place of a frame's network header, behind any number of VLAN tags.
struct NetworkHeader {
  EtherType type = EtherType::kIpv4;  // a length (IEEE 802.3, 3.2.6) when it is below 1536
  size_t offset = 0;

  bool operator==(const NetworkHeader&) const = default;
};

// Locates the network header. Returns nothing if the frame ends before the type field of its last
// tag.
[[nodiscard]] std::optional<NetworkHeader> LocateNetworkHeader(std::span<const std::byte> frame);

// The protocol and place of the data behind an IP header and its options or extension headers.
struct UpperLayer {
  uint8_t protocol = 0;
  size_t offset = 0;
};

// Locates the upper layer. Returns nothing for fragments, and for headers that do not fit in the
// frame.
[[nodiscard]] std::optional<UpperLayer> LocateUpperLayer(std::span<const std::byte> frame,
                                                         const NetworkHeader& network);

// Returns the size of the transport header with its options; nothing for protocols other than TCP
// and UDP.
[[nodiscard]] std::optional<size_t> TransportHeaderSize(std::span<const std::byte> frame,
                                                        const UpperLayer& upper);

// The place of a TCP or UDP header of an IPv4 or IPv6 frame, behind options and extension headers
// (hop-by-hop, routing, destination options; RFC 8200, 4). There is none for fragments, other
// protocols, and headers that do not fit in the frame.
struct TransportHeader {
  NetworkHeader network;
  uint8_t protocol = 0;  // 6 TCP, 17 UDP
  size_t offset = 0;
  size_t payload_offset = 0;  // behind the TCP options or the UDP header

  bool operator==(const TransportHeader&) const = default;
};

[[nodiscard]] std::optional<TransportHeader> LocateTransportHeader(
    std::span<const std::byte> frame);

// Returns true if the frame ends where its IP length says, and for UDP its UDP length: without
// padding, and with nothing missing. A length of 0, as of jumbograms, never matches. `transport`
// was located in this frame.
[[nodiscard]] bool DoLengthsMatch(const TransportHeader& transport,
                                  std::span<const std::byte> frame);

// The maximal size of all headers of a GSO frame together. So memory for a segment's headers can be
// reserved beforehand, and no header chain takes long to walk. With two VLAN tags, IPv6 and 60
// bytes of TCP this leaves over 390 bytes for extension headers.
inline constexpr size_t kMaxGsoHeaderSize = 512;

// The maximum of segments of a UDP GSO frame: the kernel (tried with 6.18) refuses more
// (UDP_MAX_SEGMENTS, linux/udp.h).
inline constexpr size_t kMaxUdpSegments = 128;

// Returns the header to forward with the frame, or nothing if it contradicts the frame.
//
// If a checksum is to be filled in, summing starts behind the Ethernet header and its tags, and the
// field lies within the frame. Otherwise the sum could overwrite addresses that a decision was
// based on. The protocol is examined only to tell the CRC32c of SCTP (`crc32c`) from the Internet
// checksum.
//
// A GSO frame moreover
//   - needs its checksum (virtio 1.2, 5.1.6.2.1), starting at its transport header, stored at the
//     checksum field of the protocol that the GSO type names, over the IP version it names; that
//     header may stand in a tunnel (tunnels.h), which the result says (`tunnelled`);
//   - has a gso_size, which is not 0xFFFF (GSO_BY_FRAGS, linux/skbuff.h), and `ecn` only for TCP;
//   - is no fragment, has at most kMaxGsoHeaderSize bytes of headers and, of UDP, at most
//     kMaxUdpSegments segments;
//   - ends where its IP length says, and for UDP its UDP length. Bytes behind that would be payload
//     to whoever cuts it and padding to whoever receives it whole, so they are refused. So is a
//     length of 0, as IPv6 jumbograms (RFC 2675) and BIG TCP have it.
// A GSO frame without payload, or with no more than gso_size, passes: the kernel treats it as an
// ordinary frame.
//
// The result has no superfluous values: without GSO, gso_size and header_length are zero; without a
// checksum to be filled in, its place is zero. header_length of GSO frames is computed anew up to
// the payload, because kernels leave it stale. data_valid is passed on unverified; the kernel does
// not trust it in frames that are written to a TAP.
[[nodiscard]] std::optional<VirtioNetHeader> ValidateOffload(const VirtioNetHeader& claimed,
                                                             std::span<const std::byte> frame);

// Classifies a frame that ValidateOffload refuses. Returns true if its header may be true, but
// describes a frame that the switch cannot carry (unknown tunnels, lists of fragments, packets
// beyond 64 KiB). Returns false if the header contradicts the frame.
[[nodiscard]] bool IsBeyondTheSwitch(const VirtioNetHeader& claimed,
                                     std::span<const std::byte> frame);

// Returns the unfinished work of a frame. Precondition: `header` was returned by ValidateOffload
// for it.
[[nodiscard]] OffloadSet NeededOffloads(const VirtioNetHeader& header,
                                        std::span<const std::byte> frame);

}  // namespace tapswitch
