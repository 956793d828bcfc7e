#include "switch/forwarding/advice/cacheable.h"

#include <algorithm>

namespace tapswitch {
namespace {

Cacheability Not(CacheObstacle obstacle) { return {.obstacle = obstacle}; }

CacheObstacle WhyFlooded(const MacTable& table, VlanId vlan, MacAddress destination, Tick now) {
  if (destination.is_broadcast()) return CacheObstacle::kBroadcast;
  if (destination.is_multicast()) return CacheObstacle::kMulticast;
  return table.Lookup(vlan, destination, now) ? CacheObstacle::kSeveralPorts
                                              : CacheObstacle::kUnknownDestination;
}

}  // namespace

Cacheability Cacheable(const ForwardingView& view, const MacTable& table,
                       const Protocols& protocols, PortId ingress, Classification as,
                       const EthernetHeader& header, const Decision& decision, Tick now) {
  if (decision.action == Decision::Action::kDrop) return Not(CacheObstacle::kDropped);
  if (decision.action == Decision::Action::kFlood) {
    return Not(WhyFlooded(table, as.vlan, header.destination, now));
  }
  if (view.is_observed(ingress)) return Not(CacheObstacle::kObserved);
  if (view.impaired_ingress().contains(ingress) ||
      view.impaired_egress().contains(decision.egress)) {
    return Not(CacheObstacle::kImpaired);
  }
  if (view.is_screened(ingress)) return Not(CacheObstacle::kScreened);
  if (protocols.may_want(header.type_or_length)) return Not(CacheObstacle::kProtocol);
  const auto source = table.StandingOf(as.vlan, header.source, ingress, now);
  if (!source) return Not(CacheObstacle::kUnknownSource);
  const auto destination = table.StandingOf(as.vlan, header.destination, decision.egress, now);
  if (!destination) return Not(CacheObstacle::kUnknownDestination);
  if (source->is_held || destination->is_held) return Not(CacheObstacle::kHeldStation);
  return {.obstacle = std::nullopt, .until = std::min(source->until, destination->until)};
}

}  // namespace tapswitch
