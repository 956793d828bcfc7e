#include "switch/forwarding/view/forwarding_view.h"

#include <algorithm>

namespace tapswitch {
namespace {

// A provider bridge carries the protocols of its customers' bridges, and takes 01:80:C2:00:00:08 as
// its own group address (IEEE 802.1Q, table 8-2; net/bridge/br.c, br_recalculate_fwd_mask).
uint16_t RequiredGroupFwdMask(const BridgeForwarding& bridge) {
  constexpr uint16_t kOfCustomers = 0xB801;
  const bool is_provider = bridge.vlan_filtering && bridge.vlan_protocol == EtherType::kServiceVlan;
  return is_provider ? kOfCustomers : 0;
}

// BPDUs from ports behind which no bridge is to be are not forwarded either, with a spanning tree
// or without.
uint16_t GroupFwdMaskOf(const PortForwarding& port, const BridgeForwarding& bridge) {
  constexpr unsigned kBpdus = 1;
  const unsigned mask = port.group_fwd_mask | bridge.group_fwd_mask | RequiredGroupFwdMask(bridge);
  const bool has_bpdus = !port.tree.guard && !port.tree.bpdu_filter;
  return static_cast<uint16_t>(has_bpdus ? mask : mask & ~kBpdus);
}

// The port's flags in a VLAN where it has an exception.
PortForwarding Restricted(PortForwarding port, const VlanForwarding& exception) {
  port.learning &= exception.learning;
  port.flood &= exception.flood;
  port.mcast_flood &= exception.mcast_flood;
  port.bcast_flood &= exception.bcast_flood;
  return port;
}

// Sets the port's bits in the masks of a VLAN that it is a member of, where its state is `state`.
void AddMember(const PortForwarding& port, PortState state, bool untagged, VlanMasks& masks) {
  masks.members.insert(port.id);
  if (untagged) masks.untagged.insert(port.id);
  if (port.learning && LetsFramesIn(state)) masks.learning.insert(port.id);
  if (state != PortState::kForwarding) return;
  masks.forwarding.insert(port.id);
  if (port.flood) masks.flood.insert(port.id);
  if (port.mcast_flood) masks.mcast_flood.insert(port.id);
  if (port.bcast_flood) masks.bcast_flood.insert(port.id);
}

}  // namespace

ForwardingView::ForwardingView(std::span<const PortForwarding> ports,
                               const BridgeForwarding& bridge, const Observers& observers)
    : bridge_(bridge),
      index_(kVlanCount),
      mirror_destinations_(DestinationsOf(observers.mirrors)),
      capturing_(observers.capturing) {
  if (bridge.vlan_filtering) tag_protocol_ = bridge.vlan_protocol;
  PortSet isolated;
  size_t ids = 0;
  for (const PortForwarding& port : ports) {
    ids = std::max<size_t>(ids, port.id.value + 1U);
    ports_.insert(port.id);
    if (port.isolated) isolated.insert(port.id);
    if (port.is_tunnel) tunnels_.insert(port.id);
    AddFlags(port);
  }
  mirrors_ = Mirrors(observers.mirrors);
  pvids_.resize(ids, kNoVlan);
  group_fwd_masks_.resize(ids);
  wanted_states_.resize(ids);
  reach_.resize(ids);
  guards_.resize(ids);
  for (const PortForwarding& port : ports) {
    wanted_states_[port.id.value] = port.state;
    SetGate(port.id, {.state = port.state, .is_shut_down = port.shut_down});
    AddGuards(port);
    group_fwd_masks_[port.id.value] = GroupFwdMaskOf(port, bridge);
    PortSet& reach = reach_[port.id.value];
    reach = port.isolated ? ports_ - isolated : ports_;
    if (port.is_tunnel) reach = reach - tunnels_;
    if (!port.hairpin) reach.erase(port.id);
    if (is_mirror_destination(port.id)) continue;
    if (bridge.vlan_filtering) {
      AddToVlans(port);
    } else {
      AddMember(port, PortState::kForwarding, true, masks_.front());
    }
  }
  screened_ -= mirror_destinations_;  // what comes in there is dropped anyway
}

void ForwardingView::AddFlags(const PortForwarding& port) {
  if (port.neigh_suppress) neigh_suppressed_.insert(port.id);
  if (port.gro) joining_.insert(port.id);
  if (port.kernel_forwarding) kernel_forwarding_.insert(port.id);
  if (port.impaired_ingress) impaired_ingress_.insert(port.id);
  if (port.impaired_egress) impaired_egress_.insert(port.id);
  if (port.loop_detection) loop_probing_.insert(port.id);
  if (port.lists_own_address) lists_own_address_.insert(port.id);
}

void ForwardingView::AddGuards(const PortForwarding& port) {
  if (port.locked) locked_.insert(port.id);
  if (port.storm.is_on()) storm_.insert(port.id);
  if (port.locked || port.security.allowed != nullptr) screened_.insert(port.id);
  guards_[port.id.value] = {.mab = port.mab,
                            .storm = port.storm,
                            .security = port.security,
                            .multicast = port.multicast,
                            .tree = port.tree,
                            .exceptions = port.vlans.exceptions};
}

void ForwardingView::AddToVlans(const PortForwarding& port) {
  const PortVlans& vlans = port.vlans;
  pvids_[port.id.value] = vlans.pvid == kNoVlan ? kReservedVlan : vlans.pvid;
  auto exception = vlans.exceptions.begin();
  vlans.members.ForEach([&](VlanId vlan) {
    const bool untagged = vlans.untagged.contains(vlan);
    if (exception != vlans.exceptions.end() && exception->vlan == vlan) {
      AddMember(Restricted(port, *exception), exception->state, untagged, MasksFor(vlan));
      ++exception;
    } else {
      AddMember(port, PortState::kForwarding, untagged, MasksFor(vlan));
    }
  });
}

VlanMasks& ForwardingView::MasksFor(VlanId vlan) {
  uint16_t& index = index_[vlan.value];
  if (index == 0) {
    index = static_cast<uint16_t>(masks_.size());
    masks_.emplace_back();
  }
  return masks_[index];
}

VlanSet ForwardingView::VlansOf(PortId port) const {
  VlanSet vlans;
  if (!filters_vlans()) {
    vlans.insert(kNoVlan);
    return vlans;
  }
  for (uint16_t id = kLeastVlan.value; id <= kMostVlan.value; ++id) {
    if (masks(VlanId{id}).members.contains(port)) vlans.insert(VlanId{id});
  }
  return vlans;
}

}  // namespace tapswitch
