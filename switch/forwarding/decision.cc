#include "switch/forwarding/decision.h"

namespace tapswitch {
namespace {

Decision Drop(DropReason reason) { return {.action = Decision::Action::kDrop, .reason = reason}; }

Decision Forward(const ForwardingView& view, PortId ingress, PortId egress,
                 const VlanMasks& masks) {
  if (view.passes(masks, egress) && view.reach(ingress).contains(egress)) {
    return {.action = Decision::Action::kForward, .egress = egress};
  }
  return Drop(egress == ingress ? DropReason::kSamePort : DropReason::kEgressBlocked);
}

// By all of `candidates` that are open and can be reached; `or_else` is why a frame is dropped for
// which there is none.
Decision Flood(const ForwardingView& view, PortId ingress, const PortSet& candidates,
               DropReason or_else) {
  const PortSet flood = candidates & view.reach(ingress) & view.gates().forwarding();
  if (flood.empty()) return Drop(or_else);
  return {.action = Decision::Action::kFlood, .flood = flood};
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

// Kept out of line, so that only frames to groups of a bridge that snoops pay for it.
[[gnu::noinline]] Decision ToGroup(const ForwardingView& view, const MacTable& table,
                                   PortId ingress, VlanId vlan, EthernetHeader header,
                                   const GroupFrame& frame) {
  const GroupFlow flow = ReadGroupFlow(header, frame.bytes);
  const GroupDecision ports = DecideGroup(*frame.groups, table, view.masks(vlan), vlan, flow);
  return Flood(view, ingress, ports.ports,
               ports.reason == GroupReason::kMembers || ports.reason == GroupReason::kNoMembers
                   ? DropReason::kNoListener
                   : DropReason::kNoEgress);
}

// A template, so that a look-up is inlined and its result stays in registers.
template <typename LookUp>
Decision DecideWith(const ForwardingView& view, const MacTable& table, PortId ingress,
                    Classification as, const EthernetHeader& header, const GroupFrame& frame,
                    LookUp look_up) {
  const VlanMasks& masks = view.masks(as.vlan);
  if (!view.passes(masks, ingress)) return Drop(WhyRefused(view, ingress, as));
  if (header.destination.is_multicast()) {
    if (AsksGroups(frame, header, as)) {
      return ToGroup(view, table, ingress, as.vlan, header, frame);
    }
    return Flood(view, ingress,
                 header.destination.is_broadcast() ? masks.bcast_flood : masks.mcast_flood,
                 DropReason::kNoEgress);
  }
  const auto found = look_up();
  if (!found) return Flood(view, ingress, masks.flood, DropReason::kNoEgress);
  if (found->is_local) return Drop(DropReason::kLocalAddress);
  if (found->group != kNoGroup) {  // of two or more ports
    return Flood(view, ingress, table.group(found->group) & masks.forwarding,
                 DropReason::kEgressBlocked);
  }
  return Forward(view, ingress, found->port, masks);
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
                Classification as, const EthernetHeader& header, Tick now,
                const GroupFrame& frame) {
  return DecideWith(view, table, ingress, as, header, frame,
                    [&] { return table.Lookup(as.vlan, header.destination, now); });
}

Decision DecideKnowing(const ForwardingView& view, const MacTable& table, PortId ingress,
                       Classification as, const EthernetHeader& header,
                       const std::optional<MacLookup>& found, const GroupFrame& frame) {
  return DecideWith(view, table, ingress, as, header, frame, [&] { return found; });
}

}  // namespace tapswitch
