#include "switch/protocol/neighbours/neighbour_proxy.h"

#include "switch/forwarding/wire/ip_headers.h"
#include "switch/protocol/neighbours/neighbour_answer.h"

namespace tapswitch {
namespace {

// PCP and DEI of a question, which its answer has, too.
uint16_t PriorityOf(const ParsedFrame& frame) {
  constexpr uint16_t kPriorityBits = 0xF000;
  return frame.header.tag ? static_cast<uint16_t>(frame.header.tag->control & kPriorityBits)
                          : uint16_t{0};
}

ProtocolVerdict Spare(const ForwardingView& view, DropReason reason) {
  return ProtocolVerdict::Restrict(view.neigh_suppressed(), reason);
}

}  // namespace

ProtocolInterests NeighbourProxy::interests() const {
  if (!suppresses_) return {};
  return {.types = {{.ether_type = static_cast<uint16_t>(EtherType::kArp), .ip_protocol = {}},
                    {.ether_type = static_cast<uint16_t>(EtherType::kIpv6),
                     .ip_protocol = kProtocolIcmpv6}},
          .is_guarded = true};
}

void NeighbourProxy::OnPorts(const ForwardingView& view) {
  suppresses_ = !view.neigh_suppressed().empty();
  if (suppresses_) {
    table_.Reserve();
  } else {
    table_.Release();
  }
}

ProtocolVerdict NeighbourProxy::See(const ParsedFrame& frame, ProtocolContext& context) {
  if (!context.view.passes(context.view.masks(frame.as.vlan), frame.ingress)) {
    return ProtocolVerdict::Pass();
  }
  const NeighbourMessage message = ReadNeighbourMessage(frame.header, frame.bytes);
  if (message.claim) Learn(*message.claim, frame, context);
  return message.question ? Ask(*message.question, frame, context) : ProtocolVerdict::Pass();
}

void NeighbourProxy::Learn(const NeighbourClaim& claim, const ParsedFrame& frame,
                           const ProtocolContext& context) {
  const MacAddress source = frame.header.source;
  const LearnResult station =
      context.table.WouldLearn(frame.as.vlan, source, frame.ingress, context.now);
  // Somebody uses the address of a station that is known to be elsewhere.
  if (station == LearnResult::kPinned || station == LearnResult::kLocal) return;
  const auto result = table_.Learn(frame.as.vlan, source, claim, context.now);
  if (result == NeighbourTable::Result::kContested) ++counters_.contested;
}

ProtocolVerdict NeighbourProxy::Ask(const NeighbourQuestion& question, const ParsedFrame& frame,
                                    ProtocolContext& context) {
  const ForwardingView& view = context.view;
  const VlanId vlan = frame.as.vlan;
  if (view.neigh_suppressed().contains(frame.ingress)) return ProtocolVerdict::Pass();
  const Neighbour* const target = table_.Find(vlan, question.target, context.now);
  if (target == nullptr || target->is_contested(context.now)) return ProtocolVerdict::Pass();
  const auto station = context.table.Lookup(vlan, target->mac, context.now);
  if (!station || station->is_local || station->group != kNoGroup) return ProtocolVerdict::Pass();
  const VlanMasks& masks = view.masks(vlan);
  const bool is_reachable =
      view.passes(masks, station->port) && view.reach(frame.ingress).contains(station->port);
  if (!is_reachable || !view.passes(masks, frame.ingress)) return ProtocolVerdict::Pass();

  if (!view.neigh_suppressed().contains(station->port)) {
    ++counters_.spared;
    return Spare(view, DropReason::kNoEgress);
  }
  return Answer(question, *target, frame, context);
}

ProtocolVerdict NeighbourProxy::Answer(const NeighbourQuestion& question, const Neighbour& target,
                                       const ParsedFrame& frame, ProtocolContext& context) {
  if (!question.target.is_v4() && !target.is_router) return ProtocolVerdict::Pass();
  const AnswerFrame answer({.question = question,
                            .asker = frame.header.source,
                            .target = target.mac,
                            .target_is_router = target.is_router.value_or(false)});
  const PortSet sent = context.originator.Send(frame.as.vlan, answer.bytes(),
                                               PortSet::Of(frame.ingress), PriorityOf(frame));
  if (sent.empty()) return ProtocolVerdict::Pass();
  ++counters_.spared;
  ++counters_.answered;
  return Spare(context.view, DropReason::kNeighbourAnswered);
}

}  // namespace tapswitch
