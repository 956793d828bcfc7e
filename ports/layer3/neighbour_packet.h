// ARP (RFC 826) and neighbour discovery (RFC 4861) as a station speaks them: what others ask and
// say, and frames that ask and answer. Pure.
//
// Frames come from anybody. What is read is within bounds and consistent: lengths, types, the hop
// limit and the checksum of ICMPv6; and who claims an address has sent the frame.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

// Somebody asks for the link-layer address of `target`.
struct AddressQuestion {
  IpAddress target;
  IpAddress asker;  // unspecified: who asks wants to know whether `target` is free

  bool operator==(const AddressQuestion&) const = default;
};

// The source of the frame has this address.
struct AddressClaim {
  IpAddress address;
  bool overrides = true;  // what was known before

  bool operator==(const AddressClaim&) const = default;
};

struct NeighbourPacket {
  bool is_neighbour_packet = false;  // ARP, or a message of neighbour discovery, also a bad one
  std::optional<AddressQuestion> question;
  std::optional<AddressClaim> claim;

  bool operator==(const NeighbourPacket&) const = default;
};

// Reads a frame without a VLAN tag, of any length.
[[nodiscard]] NeighbourPacket ReadNeighbourPacket(std::span<const std::byte> frame);

struct StationIdentity {
  MacAddress mac{};
  IpAddress address;
};

// A question of `own` for `target`, to all (ARP), to the group of the address (ND), or to `to`.
[[nodiscard]] std::vector<std::byte> MakeQuestion(const StationIdentity& own, IpAddress target,
                                                  std::optional<MacAddress> to);

// The answer of `own` to a question that came from `asker`.
[[nodiscard]] std::vector<std::byte> MakeAnswer(const StationIdentity& own,
                                                const AddressQuestion& question, MacAddress asker);

// Tells all that `own` is there, unasked.
[[nodiscard]] std::vector<std::byte> MakeAnnouncement(const StationIdentity& own);

}  // namespace tapswitch
