// Whether a virtio-net header tells the truth about its frame.
//
// A header may come from a guest or a socket, and the kernel believes what it is given; so nothing
// goes further before offsets, sizes and protocol have been checked against the bytes.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "switch/forwarding/ethernet.h"
#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch {

// Where the network header of a frame starts, behind any number of VLAN tags.
struct NetworkHeader {
  EtherType type = EtherType::kIpv4;
  size_t offset = 0;
};

[[nodiscard]] std::optional<NetworkHeader> LocateNetworkHeader(std::span<const std::byte> frame);

// Where the TCP or UDP header of an IPv4 or IPv6 frame starts, behind options and extension headers
// (hop-by-hop, routing, destination options; RFC 8200, 4). Nothing for fragments, other protocols,
// and headers that do not fit in the frame.
struct TransportHeader {
  NetworkHeader network;
  uint8_t protocol = 0;  // 6 TCP, 17 UDP
  size_t offset = 0;
  size_t payload_offset = 0;  // behind the TCP options or the UDP header
};

[[nodiscard]] std::optional<TransportHeader> LocateTransportHeader(
    std::span<const std::byte> frame);

// The header to forward with the frame, or nothing when it contradicts the frame:
//   - checksum_start + checksum_offset + 2 must lie within the frame;
//   - a GSO frame must need its checksum, have a positive gso_size, and be of the protocol its type
//     names, with checksum_start at its transport header and checksum_offset at its checksum field;
//   - header_length is not believed but recomputed (kernels leave it stale): up to the payload for
//     GSO, zero otherwise.
[[nodiscard]] std::optional<VirtioNetHeader> ValidateOffload(const VirtioNetHeader& claimed,
                                                             std::span<const std::byte> frame);

// The unfinished work of a frame with a validated header.
[[nodiscard]] OffloadSet NeededOffloads(const VirtioNetHeader& header,
                                        std::span<const std::byte> frame);

}  // namespace tapswitch
