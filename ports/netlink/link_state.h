// What the kernel says of a network interface.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "switch/forwarding/wire/ethernet.h"

struct nlmsghdr;

namespace tapswitch {

// What only interfaces of the tun driver have (uapi linux/if_link.h, IFLA_TUN_*).
struct TunState {
  bool is_tap = false;  // Ethernet frames; a tun carries IP packets
  bool multi_queue = false;
  bool persistent = false;
  uint32_t queues = 0;  // open files that are attached to it; counted for multi_queue only

  bool operator==(const TunState&) const = default;
};

struct LinkState {
  int ifindex = 0;
  std::string name;
  std::string kind;          // "tun", "veth", ...; empty for a device of no such kind
  bool up = false;           // administratively (IFF_UP)
  bool carrier = false;      // IFF_LOWER_UP
  bool is_ethernet = false;  // it carries Ethernet frames (ARPHRD_ETHER)
  int master = 0;            // ifindex of the bridge, bond, ... that it is a port of; 0: none
  MacAddress address{};      // zero when it has none of six bytes
  uint32_t mtu = 0;
  uint32_t txqueuelen = 0;
  std::optional<TunState> tun;
  std::string alias{};  // a text that an administrator has given it; empty: none

  bool operator==(const LinkState&) const = default;
};

// Nothing for messages that are not about an interface as such: the bridge and IPv6 code announce
// their own view of one under the same message types.
[[nodiscard]] std::optional<LinkState> ParseLinkMessage(nlmsghdr& message);

}  // namespace tapswitch
