// The decision about frames to group addresses while memberships are snooped. It is Decide's
// (decision.h) part that reads the table of groups, and pure as Decide is.
//
// What is never withheld from a port that may be flooded to (mcast_flood):
//
//   224.0.0.0/24, ff02::1, what is not IP and has no entry, groups of a VLAN that is not snooped or
//   whose hosts nobody asks
//   other groups of link scope of IPv6, but from a member that refuses the source
//   solicited-node groups, but from ports all of whose stations were found to answer MLD

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "switch/forwarding/fdb/group_address.h"
#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/fdb/multicast_table.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

// A frame as groups are concerned: what Decide needs besides the header.
struct GroupFrame {
  const MulticastTable* groups = nullptr;  // null: memberships are not snooped
  std::span<const std::byte> bytes{};      // of the frame
};

// Whether the station of a frame is behind a tag that is payload: who is there cannot be asked, so
// nothing is withheld from there.
[[nodiscard]] inline bool IsBehindPayloadTag(const EthernetHeader& header, Classification as) {
  return header.tag && as.tag == FrameTag::kNone;
}

// Whether Decide asks the table of groups about a frame, whose destination is a group address.
[[nodiscard]] inline bool AsksGroups(const GroupFrame& frame, const EthernetHeader& header,
                                     Classification as) {
  return frame.groups != nullptr && frame.groups->is_on() && !header.destination.is_broadcast() &&
         !IsBehindPayloadTag(header, as);
}

// A number that stays the same as long as the same stations are known behind a port: its generation
// counts those that go, and a new one is one more.
[[nodiscard]] inline uint64_t StationsStamp(const MacTable& stations, PortId port) {
  return stations.generation(port) << 32U | stations.learned(port);
}

// The group that a frame is for, and its source.
struct GroupFlow {
  GroupAddress group;
  IpAddress source;  // default: it is not IP

  bool operator==(const GroupFlow&) const = default;
};

// Reads the addresses of an IP packet. What is not IP, or has no group address in its IP header, is
// for the group of its MAC address. Precondition: the header is that of `frame`, and its
// destination is a group address.
[[nodiscard]] GroupFlow ReadGroupFlow(const EthernetHeader& header,
                                      std::span<const std::byte> frame);

// Why a frame leaves by the ports that it leaves by.
enum class GroupReason : uint8_t {
  kNotSnooped,  // the VLAN is not, or nobody asks its hosts
  kNeverWithheld,
  kLinkScope,
  kSolicitedNode,
  kMembers,
  kUnregistered,  // nobody has asked for the group: flooded
  kNoMembers,     // the same, and it goes to routers alone
};

// The reason for people.
[[nodiscard]] std::string_view TextOf(GroupReason reason);

struct GroupDecision {
  GroupReason reason = GroupReason::kNotSnooped;
  PortSet ports;  // of those that forward in the VLAN
};

// Precondition: groups.is_on().
[[nodiscard]] GroupDecision DecideGroup(const MulticastTable& groups, const MacTable& stations,
                                        const VlanMasks& masks, VlanId vlan, const GroupFlow& flow);

// Returns the ports that frames leave by only for the hosts there that have joined the group: no
// router and nobody unknown may be there who needs them. Precondition: groups.is_on().
[[nodiscard]] PortSet PortsOfMembersAlone(const MulticastTable& groups, const MacTable& stations,
                                          const VlanMasks& masks, VlanId vlan,
                                          const GroupFlow& flow);

}  // namespace tapswitch
