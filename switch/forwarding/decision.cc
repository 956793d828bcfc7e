#include "switch/forwarding/decision.h"

namespace tapswitch {

DropReason DecisionRules::WhyRefused(const ForwardingView& view, PortId ingress,
                                     Classification as) {
  if (view.is_mirror_destination(ingress)) return DropReason::kMirrorPort;
  if (view.is_shut_down(ingress)) return DropReason::kShutDown;
  if (as.vlan == kReservedVlan) {
    return as.tag == FrameTag::kTagged ? DropReason::kReservedVid : DropReason::kNoPvid;
  }
  return view.masks(as.vlan).members.contains(ingress) ? DropReason::kPortState
                                                       : DropReason::kNotMember;
}

Decision DecisionRules::ToGroup(const ForwardingView& view, const MacTable& table, PortId ingress,
                                VlanId vlan, EthernetHeader header, const GroupFrame& frame) {
  const GroupFlow flow = ReadGroupFlow(header, frame.bytes);
  const GroupDecision ports = DecideGroup(*frame.groups, table, view.masks(vlan), vlan, flow);
  return Flood(view, ingress, ports.ports,
               ports.reason == GroupReason::kMembers || ports.reason == GroupReason::kNoMembers
                   ? DropReason::kNoListener
                   : DropReason::kNoEgress);
}

std::optional<DropReason> Admit(const ForwardingView& view, PortId ingress,
                                const EthernetHeader& header) {
  if (header.source.is_multicast()) return DropReason::kSourceMulticast;
  if (header.source.is_zero()) return DropReason::kSourceZero;
  if (header.destination.is_reserved() && !view.forwards_reserved(ingress, header.destination)) {
    return DropReason::kReservedAddress;
  }
  return std::nullopt;
}

Decision DecideKnowing(const ForwardingView& view, const MacTable& table, PortId ingress,
                       Classification as, const EthernetHeader& header,
                       const std::optional<MacLookup>& found, const GroupFrame& frame) {
  return DecisionRules::Decide(view, table, ingress, as, header, frame, [&] { return found; });
}

}  // namespace tapswitch
