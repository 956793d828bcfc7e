// The address of a multicast group: of IPv4, of IPv6, or a MAC address for what is not IP.

#pragma once

#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

struct GroupAddress {
  IpAddress ip;    // default: the group is one of MAC addresses
  MacAddress mac;  // of such a group

  [[nodiscard]] static constexpr GroupAddress Of(IpAddress ip) { return {.ip = ip, .mac = {}}; }
  [[nodiscard]] static constexpr GroupAddress Of(MacAddress mac) { return {.ip = {}, .mac = mac}; }

  [[nodiscard]] constexpr bool is_mac() const { return ip == IpAddress(); }
  [[nodiscard]] constexpr bool is_v4() const { return ip.is_v4(); }

  constexpr auto operator<=>(const GroupAddress&) const = default;
};

// A group in a VLAN.
struct GroupKey {
  VlanId vlan;
  GroupAddress group;

  constexpr auto operator<=>(const GroupKey&) const = default;
};

// 224.0.0.0/24, whose groups concern one link and are not reported reliably (RFC 4541, 2.1.2).
[[nodiscard]] constexpr bool IsLocalGroupV4(IpAddress group) {
  return group.is_v4() && group.v4() >> 8U == 0xE00000;
}

// ff02::1, all nodes: it is never reported (RFC 3810, 6).
inline constexpr IpAddress kAllNodes = IpAddress::FromV6(uint64_t{0xFF02} << 48U, 1);
[[nodiscard]] constexpr bool IsAllNodes(IpAddress group) { return group == kAllNodes; }

// Groups of IPv6 that concern one link or one interface (RFC 4291, 2.7: scopes 0 to 2).
[[nodiscard]] constexpr bool IsLinkScopeV6(IpAddress group) {
  return !group.is_v4() && (group.high() >> 56U) == 0xFF && ((group.high() >> 48U) & 0xFU) <= 2;
}

// ff02::1:ff00:0/104, by which neighbour discovery asks for a station (RFC 4291, 2.7.1).
[[nodiscard]] constexpr bool IsSolicitedNode(IpAddress group) {
  return group.high() == uint64_t{0xFF02} << 48U && group.low() >> 24U == 0x1FF;
}

// The group of that kind by which neighbour discovery asks for the station with this address.
[[nodiscard]] constexpr IpAddress SolicitedNodeOf(IpAddress address) {
  constexpr uint64_t kLast24 = 0xFFFFFF;
  return IpAddress::FromV6(uint64_t{0xFF02} << 48U, 0x1'FF00'0000 | (address.low() & kLast24));
}

// The MAC address that frames to an IP group have (RFC 1112, 6.4; RFC 2464, 7).
[[nodiscard]] constexpr MacAddress MacOfIpGroup(IpAddress group) {
  if (group.is_v4()) return MacAddress::FromNumber(0x01005E000000 | (group.v4() & 0x7FFFFF));
  return MacAddress::FromNumber(0x333300000000 | (group.low() & 0xFFFFFFFF));
}

// Hashes keys with a salt, so that nobody outside can choose groups that collide.
struct GroupKeyHash {
  uint64_t salt = 0;

  [[nodiscard]] size_t operator()(const GroupKey& key) const {
    uint64_t hash = salt;
    for (const uint64_t word : {key.group.ip.high(), key.group.ip.low(),
                                key.group.mac.number() << 16U | key.vlan.value}) {
      hash = (hash ^ word) * 0x9E3779B97F4A7C15U;  // 2^64 divided by the golden ratio
      hash = std::rotl(hash ^ hash >> 29U, 27) + salt;
    }
    return static_cast<size_t>(hash ^ hash >> 32U);
  }
};

}  // namespace tapswitch
