#include "switch/forwarding/advice/flow_advice.h"

#include "switch/forwarding/decision.h"
#include "switch/forwarding/egress/egress_lists.h"

namespace tapswitch {
namespace {

FlowAdvice Refuse(FlowObstacle obstacle) { return {.obstacle = obstacle}; }

FlowAdvice RefuseFor(CacheObstacle obstacle) {
  return {.obstacle = FlowObstacle::kDecision, .cache_obstacle = obstacle};
}

// Tags that are payload are no business of a bridge that filters VLANs; the kernel, which takes any
// off before it looks, would have to put them back behind the bridge's own.
bool IsPlain(const ForwardingView& view, const EthernetHeader& header, Classification as) {
  if (!view.filters_vlans() || !header.tag) return true;
  return as.tag == FrameTag::kTagged;
}

}  // namespace

FlowAdvice AdviseFlow(const ForwardingView& view, const MacTable& table, const Protocols& protocols,
                      const FlowPorts& ports, PortId ingress, const EthernetHeader& header,
                      Tick now) {
  if (ports.taken_over.contains(ingress)) return Refuse(FlowObstacle::kTakenOver);
  if (!ports.from.contains(ingress)) return Refuse(FlowObstacle::kIngress);
  if (!view.kernel_forwarding().contains(ingress)) return Refuse(FlowObstacle::kTurnedOff);
  if (Admit(view, ingress, header)) return RefuseFor(CacheObstacle::kDropped);
  const Classification as = view.Classify(ingress, header);
  const Decision decision = Decide(view, table, ingress, as, header, now);
  const Cacheability cacheable =
      Cacheable(view, table, protocols, ingress, as, header, decision, now);
  if (cacheable.obstacle) return RefuseFor(*cacheable.obstacle);
  const PortId egress = decision.egress;
  if (!ports.to.contains(egress)) return Refuse(FlowObstacle::kEgress);
  if (!view.kernel_forwarding().contains(egress)) return Refuse(FlowObstacle::kTurnedOff);
  if (!IsPlain(view, header, as)) return Refuse(FlowObstacle::kTag);
  if (table.ageing() < kLeastFlowAgeing) return Refuse(FlowObstacle::kAgeing);
  const EgressFrame copy =
      TagEdits(view, header, as).Copy(0, view.masks(as.vlan).untagged.contains(egress));
  if (copy.edit == TagEdit::kRetag) return Refuse(FlowObstacle::kTag);
  return {.obstacle = std::nullopt,
          .cache_obstacle = std::nullopt,
          .egress = egress,
          .vlan = as.vlan,
          .edit = copy.edit,
          .tag = copy.tag,
          .until = cacheable.until};
}

}  // namespace tapswitch
