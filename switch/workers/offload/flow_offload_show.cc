// The part of FlowOffload that shows what there is.

#include <algorithm>

#include "switch/workers/offload/flow_offload.h"

namespace tapswitch {

std::optional<uint32_t> FlowOffload::Show(uint32_t from, size_t most,
                                          std::vector<ShownFlow>& flows) const {
  const auto end = static_cast<uint32_t>(std::min<size_t>(table_.end(), from + most));
  for (; from < end; ++from) {
    if (!table_.has(from) || !is_current(table_[from])) continue;
    const OffloadedFlow& flow = table_[from];
    flows.push_back({.key = flow.key,
                     .ingress = flow.ingress,
                     .egress = flow.egress,
                     .vlan = flow.vlan,
                     .source = flow.source,
                     .destination = flow.destination,
                     .is_direct = flow.is_direct});
  }
  return from == table_.end() ? std::nullopt : std::optional(from);
}

FlowOffload::Explanation FlowOffload::Explain(PortId ingress, const EthernetHeader& header,
                                              Tick now) const {
  Explanation explanation{.advice = AdviseFlow(bridge_.view(), bridge_.table(), bridge_.protocols(),
                                               may_carry_, ingress, header, now)};
  const FlowKey key = KeyOf(ingress, header);
  if (!explanation.advice.obstacle && sightings_.is_kept(HashOf(key))) {
    explanation.advice.obstacle = FlowObstacle::kJoined;
  }
  const auto known = table_.Find(key);
  if (!explanation.advice.obstacle && !known && table_.full()) {
    explanation.advice.obstacle = FlowObstacle::kFull;
  }
  if (!known || explanation.advice.obstacle || !is_current(table_[*known])) return explanation;
  const auto found = kernel_.Find(table_[*known].key);
  explanation.is_carried = found && found->state == TAPSWITCH_FLOW_ACTIVE;
  explanation.is_pending = found && !explanation.is_carried;
  return explanation;
}

}  // namespace tapswitch
