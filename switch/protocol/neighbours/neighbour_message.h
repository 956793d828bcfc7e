// The messages of ARP (RFC 826) and neighbour discovery (RFC 4861) about who has which IP address.
//
// Frames come from anybody. What is read is within bounds and consistent: lengths, types, the hop
// limit and the checksum of ICMPv6; and a sender is only believed to speak of itself, that is of
// the address that is also the frame's source.

#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

// The frame's source has this address.
struct NeighbourClaim {
  IpAddress address;
  std::optional<bool> is_router;  // nothing: it does not say. Never said of IPv4
  bool overrides = true;          // what others said before (the O flag of an advertisement)

  bool operator==(const NeighbourClaim&) const = default;
};

// The frame's source, whose address is `asker`, asks all for the one who has `target`.
struct NeighbourQuestion {
  IpAddress target;
  IpAddress asker;

  bool operator==(const NeighbourQuestion&) const = default;
};

// A question claims, too: where the answer is to go.
struct NeighbourMessage {
  std::optional<NeighbourClaim> claim;
  std::optional<NeighbourQuestion> question;

  bool operator==(const NeighbourMessage&) const = default;
};

// Empty for whatever else the frame is, and for probes that ask whether an address is free (RFC
// 5227; RFC 4862, 5.4), which are for its owner to answer. `header` is that of `frame`.
[[nodiscard]] NeighbourMessage ReadNeighbourMessage(const EthernetHeader& header,
                                                    std::span<const std::byte> frame);

}  // namespace tapswitch
