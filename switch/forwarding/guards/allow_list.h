// The list of stations that may speak behind a port, and of the addresses they may use. It is a
// guard against spoofing, for those who host machines of others.
//
// A frame is allowed when its source is the address of a listed station, and what it says about IP
// addresses is true of it. A station that is listed without IP addresses may use any.
//   IPv4, IPv6  the source is one of the station's addresses. Also 0.0.0.0 and ::, with which a
//               host asks for an address, and the link-local address that follows from the MAC (RFC
//               4291, appendix A)
//   ARP, RARP   the sender is a listed station, with its own address, or 0.0.0.0 (RFC 5227)
//   ND          the link-layer address it gives of itself is that of a listed station, and so is
//               the target that a neighbour advertisement tells to be behind it (RFC 4861)
// Behind any VLAN tags, or LLC and SNAP, too. What cannot be read is not allowed. Other protocols
// carry no IP address and pass. Fragments of ND pass as well: hosts have to ignore them (RFC 6980).

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

// An address as a number, most significant byte first.
using Ipv4Number = uint32_t;
using Ipv6Number = std::array<uint64_t, 2>;

struct AllowedStation {
  MacAddress address;
  std::vector<Ipv4Number> ipv4;  // ascending
  std::vector<Ipv6Number> ipv6;  // ascending

  [[nodiscard]] bool is_bound() const { return !ipv4.empty() || !ipv6.empty(); }
  bool operator==(const AllowedStation&) const = default;
};

class AllowList {
 public:
  // By ascending address.
  explicit AllowList(std::vector<AllowedStation> stations) : stations_(std::move(stations)) {}

  [[nodiscard]] const std::vector<AllowedStation>& stations() const { return stations_; }

  [[nodiscard]] bool Has(MacAddress source) const { return Find(source) != nullptr; }

  // `header` is that of `frame`.
  [[nodiscard]] bool Allows(const EthernetHeader& header, std::span<const std::byte> frame) const;

 private:
  [[nodiscard]] const AllowedStation* Find(MacAddress address) const;
  [[nodiscard]] bool AllowsArp(std::span<const std::byte> packet) const;
  [[nodiscard]] bool AllowsIpv6(const AllowedStation& from,
                                std::span<const std::byte> packet) const;
  [[nodiscard]] bool AllowsIcmpv6(const AllowedStation& from, const Ipv6Number& source,
                                  std::span<const std::byte> message) const;

  std::vector<AllowedStation> stations_;
};

}  // namespace tapswitch
