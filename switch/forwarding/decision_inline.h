// The part of the decision that forwarding makes for each frame. Included by decision.h, and by
// nobody else.

#pragma once

#include "switch/forwarding/decision.h"

namespace tapswitch {

// A decision is inlined wherever it is made. Behind a call it would be returned in memory, with the
// ports of a flood, which took a quarter of the time for a frame.
class DecisionRules {
 public:
  // Calls `look_up` for the destination, if that is an individual address.
  template <typename LookUp>
  [[gnu::always_inline]] static Decision Decide(const ForwardingView& view, const MacTable& table,
                                                PortId ingress, Classification as,
                                                const EthernetHeader& header,
                                                const GroupFrame& frame, LookUp look_up) {
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
    const std::optional<MacLookup> found = look_up();
    if (!found) return Flood(view, ingress, masks.flood, DropReason::kNoEgress);
    if (found->is_local) return Drop(DropReason::kLocalAddress);
    if (found->group != kNoGroup) {  // of two or more ports
      return Flood(view, ingress, table.group(found->group) & masks.forwarding,
                   DropReason::kEgressBlocked);
    }
    return Forward(view, ingress, found->port, masks);
  }

 private:
  [[gnu::always_inline]] static Decision Drop(DropReason reason) {
    return {.action = Decision::Action::kDrop, .reason = reason};
  }

  [[gnu::always_inline]] static Decision Forward(const ForwardingView& view, PortId ingress,
                                                 PortId egress, const VlanMasks& masks) {
    if (view.passes(masks, egress) && view.reach(ingress).contains(egress)) {
      return {.action = Decision::Action::kForward, .egress = egress};
    }
    return Drop(egress == ingress ? DropReason::kSamePort : DropReason::kEgressBlocked);
  }

  // By all of `candidates` that are open and can be reached; `or_else` is why a frame is dropped
  // for which there is none.
  static Decision Flood(const ForwardingView& view, PortId ingress, const PortSet& candidates,
                        DropReason or_else) {
    const PortSet flood = candidates & view.reach(ingress) & view.gates().forwarding();
    if (flood.empty()) return Drop(or_else);
    return {.action = Decision::Action::kFlood, .flood = flood};
  }

  // Why frames of a VLAN do not come in by a port. Kept out of line: it is no part of forwarding.
  [[gnu::noinline]] static DropReason WhyRefused(const ForwardingView& view, PortId ingress,
                                                 Classification as);

  // Kept out of line, so that only frames to groups of a bridge that snoops pay for it.
  [[gnu::noinline]] static Decision ToGroup(const ForwardingView& view, const MacTable& table,
                                            PortId ingress, VlanId vlan, EthernetHeader header,
                                            const GroupFrame& frame);
};

[[gnu::always_inline]] inline Decision Decide(const ForwardingView& view, const MacTable& table,
                                              PortId ingress, Classification as,
                                              const EthernetHeader& header, Tick now,
                                              const GroupFrame& frame) {
  return DecisionRules::Decide(
      view, table, ingress, as, header, frame, [&]() __attribute__((always_inline)) {
        return table.Lookup(as.vlan, header.destination, now);
      });
}

}  // namespace tapswitch
