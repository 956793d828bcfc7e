#include "switch/forwarding/decision.h"

namespace tapswitch {
namespace {

Decision Drop(DropReason reason) { return {.action = Decision::Action::kDrop, .reason = reason}; }

Decision Forward(PortId ingress, PortId egress, const VlanMasks& masks, const PortSet& reach) {
  if (masks.egress.contains(egress) && reach.contains(egress)) {
    return {.action = Decision::Action::kForward, .egress = egress};
  }
  return Drop(egress == ingress ? DropReason::kSamePort : DropReason::kEgressBlocked);
}

Decision Flood(const PortSet& candidates, const PortSet& reach) {
  const PortSet flood = candidates & reach;
  if (flood.empty()) return Drop(DropReason::kNoEgress);
  return {.action = Decision::Action::kFlood, .flood = flood};
}

// To all ports of a group, which are two or more.
Decision ForwardToGroup(const PortSet& group, const VlanMasks& masks, const PortSet& reach) {
  const PortSet egress = group & masks.egress & reach;
  if (egress.empty()) return Drop(DropReason::kEgressBlocked);
  return {.action = Decision::Action::kFlood, .flood = egress};
}

// Why frames of a VLAN do not come in by a port. Kept out of line: it is no part of forwarding.
[[gnu::noinline]] DropReason WhyRefused(const ForwardingView& view, PortId ingress,
                                        Classification as) {
  if (view.is_mirror_destination(ingress)) return DropReason::kMirrorPort;
  if (view.is_shut_down(ingress)) return DropReason::kShutDown;
  if (as.vlan == kReservedVlan) {
    return as.tag == FrameTag::kTagged ? DropReason::kReservedVid : DropReason::kNoPvid;
  }
  return view.masks(as.vlan).members.contains(ingress) ? DropReason::kPortState
                                                       : DropReason::kNotMember;
}

// A template, so that a look-up is inlined and its result stays in registers.
template <typename LookUp>
Decision DecideWith(const ForwardingView& view, const MacTable& table, PortId ingress,
                    Classification as, MacAddress destination, LookUp look_up) {
  const VlanMasks& masks = view.masks(as.vlan);
  const PortSet& reach = view.reach(ingress);
  if (!masks.ingress.contains(ingress)) return Drop(WhyRefused(view, ingress, as));
  if (destination.is_multicast()) {
    return Flood(destination.is_broadcast() ? masks.bcast_flood : masks.mcast_flood, reach);
  }
  const auto found = look_up();
  if (!found) return Flood(masks.flood, reach);
  if (found->is_local) return Drop(DropReason::kLocalAddress);
  if (found->group != kNoGroup) return ForwardToGroup(table.group(found->group), masks, reach);
  return Forward(ingress, found->port, masks, reach);
}

}  // namespace

std::optional<DropReason> Admit(const ForwardingView& view, PortId ingress,
                                const EthernetHeader& header) {
  if (header.source.is_multicast()) return DropReason::kSourceMulticast;
  if (header.source.is_zero()) return DropReason::kSourceZero;
  if (header.destination.is_reserved() && !view.forwards_reserved(ingress, header.destination)) {
    return DropReason::kReservedAddress;
  }
  return std::nullopt;
}

Decision Decide(const ForwardingView& view, const MacTable& table, PortId ingress,
                Classification as, const EthernetHeader& header, Tick now) {
  return DecideWith(view, table, ingress, as, header.destination,
                    [&] { return table.Lookup(as.vlan, header.destination, now); });
}

Decision DecideKnowing(const ForwardingView& view, const MacTable& table, PortId ingress,
                       Classification as, MacAddress destination,
                       const std::optional<MacLookup>& found) {
  return DecideWith(view, table, ingress, as, destination, [&] { return found; });
}

}  // namespace tapswitch
