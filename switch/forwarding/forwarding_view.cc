#include "switch/forwarding/forwarding_view.h"

#include <algorithm>

namespace tapswitch {
namespace {

// A provider bridge carries the protocols of its customers' bridges, and takes 01:80:C2:00:00:08 as its
// own group address (IEEE 802.1Q, table 8-2; net/bridge/br.c, br_recalculate_fwd_mask).
uint16_t RequiredGroupFwdMask(const BridgeForwarding& bridge) {
  constexpr uint16_t kOfCustomers = 0xB801;
  const bool is_provider = bridge.vlan_filtering && bridge.vlan_protocol == EtherType::kServiceVlan;
  return is_provider ? kOfCustomers : 0;
}

bool LetsFramesIn(PortState state) {
  return state == PortState::kLearning || state == PortState::kForwarding;
}

// What the port does in a VLAN where it has an exception.
PortForwarding Restricted(PortForwarding port, const VlanForwarding& exception) {
  if (port.state == PortState::kForwarding) port.state = exception.state;
  if (!LetsFramesIn(exception.state)) port.state = exception.state;
  port.learning &= exception.learning;
  port.flood &= exception.flood;
  port.mcast_flood &= exception.mcast_flood;
  port.bcast_flood &= exception.bcast_flood;
  return port;
}

// Sets the port's bits in the masks of a VLAN that it is a member of.
void AddMember(const PortForwarding& port, bool untagged, VlanMasks& masks) {
  masks.members.insert(port.id);
  if (untagged) masks.untagged.insert(port.id);
  if (port.learning && LetsFramesIn(port.state)) masks.learning.insert(port.id);
  if (port.state != PortState::kForwarding) return;
  masks.ingress.insert(port.id);
  masks.egress.insert(port.id);
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
  PortSet able;
  size_t ids = 0;
  for (const PortForwarding& port : ports) {
    ids = std::max<size_t>(ids, port.id.value + 1U);
    ports_.insert(port.id);
    if (port.state != PortState::kDisabled) able.insert(port.id);
    if (port.isolated) isolated.insert(port.id);
  }
  ScreenForProtocols(ports);
  screened_ -= mirror_destinations_;  // what comes in there is dropped anyway
  mirrors_ = Mirrors(observers.mirrors, able);
  pvids_.resize(ids, kNoVlan);
  group_fwd_masks_.resize(ids);
  reach_.resize(ids);
  guards_.resize(ids);
  for (const PortForwarding& port : ports) {
    AddGuards(port);
    group_fwd_masks_[port.id.value] =
        port.group_fwd_mask | bridge.group_fwd_mask | RequiredGroupFwdMask(bridge);
    PortSet& reach = reach_[port.id.value];
    reach = port.isolated ? ports_ - isolated : ports_;
    if (!port.hairpin) reach.erase(port.id);
    if (is_mirror_destination(port.id)) continue;
    if (bridge.vlan_filtering) {
      AddToVlans(port);
    } else {
      AddMember(port, true, masks_.front());
    }
  }
}

// Some protocols have to see what comes in by any port.
void ForwardingView::ScreenForProtocols(std::span<const PortForwarding> ports) {
  for (const PortForwarding& port : ports) {
    if (port.neigh_suppress) neigh_suppressed_.insert(port.id);
    if (port.gro) joining_.insert(port.id);
  }
  if (!bridge_.detects_loops && neigh_suppressed_.empty()) return;
  for (const PortForwarding& port : ports) {
    if (LetsFramesIn(port.state)) screened_.insert(port.id);
  }
}

void ForwardingView::AddGuards(const PortForwarding& port) {
  if (port.locked) locked_.insert(port.id);
  if (port.storm.is_on()) storm_.insert(port.id);
  const bool is_guarded = port.locked || port.security.allowed != nullptr;
  if (is_guarded && LetsFramesIn(port.state)) screened_.insert(port.id);
  guards_[port.id.value] = {
      .mab = port.mab, .shut_down = port.shut_down, .storm = port.storm, .security = port.security};
}

void ForwardingView::AddToVlans(const PortForwarding& port) {
  const PortVlans& vlans = port.vlans;
  pvids_[port.id.value] = vlans.pvid == kNoVlan ? kReservedVlan : vlans.pvid;
  auto exception = vlans.exceptions.begin();
  vlans.members.ForEach([&](VlanId vlan) {
    const bool untagged = vlans.untagged.contains(vlan);
    if (exception != vlans.exceptions.end() && exception->vlan == vlan) {
      AddMember(Restricted(port, *exception++), untagged, MasksFor(vlan));
    } else {
      AddMember(port, untagged, MasksFor(vlan));
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

}  // namespace tapswitch
