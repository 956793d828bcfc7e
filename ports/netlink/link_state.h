// The state of a network interface, as the kernel reports it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "switch/forwarding/wire/ethernet.h"

struct nlmsghdr;

namespace tapswitch {

// State that only interfaces of the tun driver have (uapi linux/if_link.h, IFLA_TUN_*).
struct TunState {
  bool is_tap = false;  // Ethernet frames; a tun carries IP packets
  bool multi_queue = false;
  bool persistent = false;
  uint32_t queues = 0;  // attached open files; counted only with multi_queue

  bool operator==(const TunState&) const = default;
};

struct LinkState {
  int ifindex = 0;
  std::string name;
  std::string kind;          // "tun", "veth", ...; empty if the device has no kind
  bool up = false;           // administratively (IFF_UP)
  bool carrier = false;      // IFF_LOWER_UP
  bool is_ethernet = false;  // it carries Ethernet frames (ARPHRD_ETHER)
  bool is_layer3 = false;    // it carries IP packets and nothing else (ARPHRD_NONE, _RAWIP)
  int master = 0;            // ifindex of the bridge, bond, ... that it is a port of; 0: none
  MacAddress address{};      // zero if it has no address of six bytes
  uint32_t mtu = 0;
  uint32_t txqueuelen = 0;
  int peer_ifindex = 0;    // of a veth: of its other end, where that is (IFLA_LINK); 0: none
  bool has_qdisc = false;  // a queueing discipline holds frames back that leave by it
  bool has_xdp = false;    // an XDP program sees the frames that come in
  std::optional<TunState> tun{};
  std::string alias{};  // a text that an administrator has set; empty: none

  bool operator==(const LinkState&) const = default;
};

// Parses a message. Returns nothing for messages that are not about an interface as such: the
// bridge and IPv6 code announce their own views of one under the same message types.
[[nodiscard]] std::optional<LinkState> ParseLinkMessage(nlmsghdr& message);

}  // namespace tapswitch
