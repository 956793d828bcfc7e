#include "switch/forwarding/group_decision.h"

#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ip_headers.h"

namespace tapswitch {
namespace {

std::optional<GroupFlow> ReadIpv4(std::span<const std::byte> packet) {
  constexpr size_t kVersion = 4;
  if (packet.size() < ipv4::kMinHeaderSize || LoadByte(packet.data()) >> 4U != kVersion) {
    return std::nullopt;
  }
  const std::byte* const addresses = packet.data() + ipv4::kAddresses;
  return GroupFlow{
      .group = GroupAddress::Of(IpAddress::FromV4(LoadBe32(addresses + ipv4::kAddressSize))),
      .source = IpAddress::FromV4(LoadBe32(addresses))};
}

std::optional<GroupFlow> ReadIpv6(std::span<const std::byte> packet) {
  constexpr size_t kVersion = 6;
  if (packet.size() < ipv6::kHeaderSize || LoadByte(packet.data()) >> 4U != kVersion) {
    return std::nullopt;
  }
  const auto addresses = packet.subspan<ipv6::kAddresses, 2 * ipv6::kAddressSize>();
  return GroupFlow{
      .group = GroupAddress::Of(IpAddress::FromV6(addresses.last<ipv6::kAddressSize>())),
      .source = IpAddress::FromV6(addresses.first<ipv6::kAddressSize>())};
}

// Ports that have proved to answer MLD, and where no station has come up since.
PortSet ProvenNow(const MulticastTable& groups, const MacTable& stations) {
  PortSet proven = groups.proven();
  groups.proven().ForEach([&](PortId port) {
    if (StationsStamp(stations, port) != groups.proven_at(port)) proven.erase(port);
  });
  return proven;
}

GroupDecision DecideUnknown(const MulticastTable& groups, const VlanMasks& masks,
                            const PortSet& routers) {
  if (groups.floods_unregistered()) {
    return {GroupReason::kUnregistered, masks.mcast_flood | routers};
  }
  return {GroupReason::kNoMembers, routers | (groups.flooded() & masks.mcast_flood)};
}

}  // namespace

GroupFlow ReadGroupFlow(const EthernetHeader& header, std::span<const std::byte> frame) {
  const GroupFlow of_mac{.group = GroupAddress::Of(header.destination), .source = {}};
  if (frame.size() < header.payload_offset) return of_mac;
  const auto packet = frame.subspan(header.payload_offset);
  std::optional<GroupFlow> flow;
  if (header.type_or_length == static_cast<uint16_t>(EtherType::kIpv4)) flow = ReadIpv4(packet);
  if (header.type_or_length == static_cast<uint16_t>(EtherType::kIpv6)) flow = ReadIpv6(packet);
  return flow && flow->group.ip.is_multicast() ? *flow : of_mac;
}

GroupDecision DecideGroup(const MulticastTable& groups, const MacTable& stations,
                          const VlanMasks& masks, VlanId vlan, const GroupFlow& flow) {
  const SnoopedVlan* const snooped = groups.vlan(vlan);
  const GroupDecision flooded{GroupReason::kNotSnooped, masks.mcast_flood};
  if (snooped == nullptr) return flooded;
  const MulticastGroup* const group = groups.Find({vlan, flow.group});
  if (flow.group.is_mac()) {
    if (group == nullptr || group->members().empty()) {
      return {GroupReason::kNeverWithheld, masks.mcast_flood};
    }
    return {GroupReason::kMembers, group->PortsFor({}).wanted & masks.forwarding};
  }
  const IpAddress address = flow.group.ip;
  const SnoopedFamily& family = snooped->family(address.is_v4());
  if (!family.is_active) return flooded;
  if (IsLocalGroupV4(address) || IsAllNodes(address)) {
    return {GroupReason::kNeverWithheld, masks.mcast_flood};
  }
  const PortSet routers = family.routers & masks.forwarding;
  GroupPorts ports;
  if (group != nullptr) ports = group->PortsFor(flow.source);
  const PortSet wanted = (ports.wanted & masks.forwarding) | routers;
  if (IsSolicitedNode(address)) {
    const PortSet unproven = masks.mcast_flood - ProvenNow(groups, stations);
    return {GroupReason::kSolicitedNode, wanted | (unproven - ports.refused)};
  }
  if (IsLinkScopeV6(address)) {
    return {GroupReason::kLinkScope, wanted | (masks.mcast_flood - ports.refused)};
  }
  if (group == nullptr) return DecideUnknown(groups, masks, routers);
  return {group->members().empty() ? GroupReason::kNoMembers : GroupReason::kMembers,
          wanted | (groups.flooded() & masks.mcast_flood)};
}

PortSet PortsOfMembersAlone(const MulticastTable& groups, const MacTable& stations,
                            const VlanMasks& masks, VlanId vlan, const GroupFlow& flow) {
  const GroupDecision decision = DecideGroup(groups, stations, masks, vlan, flow);
  if (decision.reason != GroupReason::kMembers || flow.group.is_mac()) return {};
  const SnoopedFamily& family = groups.vlan(vlan)->family(flow.group.is_v4());
  return decision.ports - family.routers - groups.flooded();
}

std::string_view TextOf(GroupReason reason) {
  switch (reason) {
    case GroupReason::kNotSnooped:
      return "memberships are not snooped there, or nobody asks for them: flooded";
    case GroupReason::kNeverWithheld:
      return "frames to this group are never withheld";
    case GroupReason::kLinkScope:
      return "a group of this link, withheld only from members that refuse the source";
    case GroupReason::kSolicitedNode:
      return "neighbour discovery, withheld only where all stations answer MLD";
    case GroupReason::kMembers:
      return "to those who have asked for the group, and to routers";
    case GroupReason::kUnregistered:
      return "nobody has asked for the group: flooded";
    case GroupReason::kNoMembers:
      break;
  }
  return "nobody asks for the group: to routers only";
}

}  // namespace tapswitch
