// Finds the message about groups within an IP packet, and checks what is around it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "switch/forwarding/parsed_frame.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

struct GroupPacket {
  bool is_v4 = true;
  uint8_t protocol = 0;  // IGMP, ICMPv6 or PIM
  IpAddress source;
  IpAddress destination;
  uint8_t hops = 0;  // TTL, or hop limit
  bool has_router_alert = false;
  bool has_hop_by_hop = false;         // of IPv6
  std::span<const std::byte> message;  // without padding; not empty
};

// Nothing: the packet has none of the protocols, is a fragment, or its lengths or the checksum of
// its IPv4 header are wrong.
[[nodiscard]] std::optional<GroupPacket> FindGroupPacket(const ParsedFrame& frame);

// Whether the checksum of the message holds.
[[nodiscard]] bool IsIntact(const GroupPacket& packet);

}  // namespace tapswitch
