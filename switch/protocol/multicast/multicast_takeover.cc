// The part of MulticastSnooping by which another process goes on with it.

#include "switch/protocol/multicast/multicast_snooping.h"

namespace tapswitch {

SnoopingMemory MulticastSnooping::Remember() const {
  const Memberships::Counters& counted = memberships_.counters();
  SnoopingMemory memory{.contexts = {},
                        .ports = {},
                        .counters = counters_,
                        .refused = counted.refused,
                        .too_many = counted.too_many};
  for (const auto& [key, found] : contexts_) {
    if (found.is_new) continue;
    memory.contexts.push_back({.vlan = key.vlan,
                               .is_v4 = key.is_v4,
                               .querier = found.querier.Remember(),
                               .routers = found.routers.heard(),
                               .check_answers_at = found.check_answers_at});
  }
  if (!settings_.snooping) return memory;
  (forwarding_ - fresh_).ForEach([&](PortId id) { memory.ports.push_back(RememberPort(id)); });
  return memory;
}

SnoopingMemory::Port MulticastSnooping::RememberPort(PortId id) const {
  SnoopingMemory::Port port{.id = id,
                            .unasked_until = std::nullopt,
                            .is_deaf = deaf_.contains(id),
                            .unanswered = unanswered_[id.value].queries,
                            .counted = unanswered_[id.value].counted,
                            .refused = memberships_.RememberRefused(id),
                            .witnesses = witnesses_.of(id)};
  if (unasked_.contains(id)) port.unasked_until = unasked_until_[id.value];
  return port;
}

void MulticastSnooping::Restore(const SnoopingMemory& memory, Tick now) {
  counters_ = memory.counters;
  memberships_.RestoreCounts(memory.refused, memory.too_many);
  if (!settings_.snooping) return;
  for (const SnoopingMemory::Port& port : memory.ports) RestorePort(port, now);
  table_.SetUnasked(unasked_);
  for (const SnoopingMemory::Context& context : memory.contexts) RestoreContext(context, now);
  next_proof_ = {};
  Reschedule(now);
}

// It is told of as forwarding next, which is no news then.
void MulticastSnooping::RestorePort(const SnoopingMemory::Port& port, Tick now) {
  const PortId id = port.id;
  forwarding_.insert(id);
  fresh_.erase(id);
  if (port.unasked_until) {
    unasked_.insert(id);
    unasked_until_[id.value] = *port.unasked_until;
  }
  if (port.is_deaf) deaf_.insert(id);
  unanswered_[id.value] = {.queries = port.unanswered, .counted = port.counted};
  memberships_.RestoreRefused(id, port.refused);
  for (const MldWitnesses::Witness& one : port.witnesses) {
    witnesses_.Note(id, one.vlan, one.station, one.until, now);
  }
}

void MulticastSnooping::RestoreContext(const SnoopingMemory::Context& context, Tick now) {
  SnoopedContext* const found = Find(context.vlan, context.is_v4);
  if (found == nullptr) return;
  found->is_new = false;
  found->querier.Configure(settings_.Of(context.vlan), OwnSource(context.is_v4), now);
  found->querier.Restore(context.querier);
  for (const RouterPorts::Heard& heard : context.routers) {
    found->routers.Note(heard.port, heard.until);
  }
  found->check_answers_at = context.check_answers_at;
  UpdateRouters(context.vlan);
  UpdateActive({context.vlan, context.is_v4}, *found, now);
}

}  // namespace tapswitch
