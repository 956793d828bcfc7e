#include "switch/protocol/neighbours/neighbour_proxy.h"

#include "switch/protocol/neighbours/neighbour_answer.h"

namespace tapswitch {
namespace {

// The tag that frames of the question's VLAN leave with by the port it came from; its priority is
// the question's.
std::optional<VlanTag> AnswerTag(const ScreenedFrame& frame, const ForwardingView& view) {
  constexpr uint16_t kPriorityBits = 0xF000;
  if (view.masks(frame.as.vlan).untagged.contains(frame.ingress)) return std::nullopt;
  const uint16_t priority = frame.header.tag
                                ? static_cast<uint16_t>(frame.header.tag->control & kPriorityBits)
                                : uint16_t{0};
  return VlanTag{.protocol = view.vlan_protocol(),
                 .control = static_cast<uint16_t>(priority | frame.as.vlan.value)};
}

}  // namespace

ProtocolVerdict NeighbourProxy::See(const ScreenedFrame& frame, ProtocolContext& context) {
  // A tag that is payload hides whose addresses these are.
  if (frame.header.tag && frame.as.tag == FrameTag::kNone) return ProtocolVerdict::kPass;
  if (!context.view.passes(context.view.masks(frame.as.vlan), frame.ingress)) {
    return ProtocolVerdict::kPass;
  }
  const NeighbourMessage message = ReadNeighbourMessage(frame.header, frame.bytes);
  if (message.claim) Learn(*message.claim, frame, context);
  return message.question ? Ask(*message.question, frame, context) : ProtocolVerdict::kPass;
}

void NeighbourProxy::Learn(const NeighbourClaim& claim, const ScreenedFrame& frame,
                           const ProtocolContext& context) {
  const MacAddress source = frame.header.source;
  const LearnResult station =
      context.table.WouldLearn(frame.as.vlan, source, frame.ingress, context.now);
  // Somebody uses the address of a station that is known to be elsewhere.
  if (station == LearnResult::kPinned || station == LearnResult::kLocal) return;
  const auto result = table_.Learn(frame.as.vlan, source, claim, context.now);
  if (result == NeighbourTable::Result::kContested) ++counters_.contested;
}

ProtocolVerdict NeighbourProxy::Ask(const NeighbourQuestion& question, const ScreenedFrame& frame,
                                    ProtocolContext& context) {
  const ForwardingView& view = context.view;
  const VlanId vlan = frame.as.vlan;
  if (view.neigh_suppressed().contains(frame.ingress)) return ProtocolVerdict::kPass;
  const Neighbour* const target = table_.Find(vlan, question.target, context.now);
  if (target == nullptr || target->is_contested(context.now)) return ProtocolVerdict::kPass;
  const auto station = context.table.Lookup(vlan, target->mac, context.now);
  if (!station || station->is_local || station->group != kNoGroup) return ProtocolVerdict::kPass;
  const VlanMasks& masks = view.masks(vlan);
  const bool is_reachable =
      view.passes(masks, station->port) && view.reach(frame.ingress).contains(station->port);
  if (!is_reachable || !view.passes(masks, frame.ingress)) return ProtocolVerdict::kPass;

  if (!view.neigh_suppressed().contains(station->port)) {
    ++counters_.spared;
    return ProtocolVerdict::kSpare;
  }
  return Answer(question, *target, frame, context);
}

ProtocolVerdict NeighbourProxy::Answer(const NeighbourQuestion& question, const Neighbour& target,
                                       const ScreenedFrame& frame, ProtocolContext& context) {
  if (!question.target.is_v4() && !target.is_router) return ProtocolVerdict::kPass;
  const AnswerFrame answer({.question = question,
                            .asker = frame.header.source,
                            .target = target.mac,
                            .target_is_router = target.is_router.value_or(false),
                            .tag = AnswerTag(frame, context.view)});
  if (!context.outbox.Post(frame.ingress, answer.bytes())) return ProtocolVerdict::kPass;
  ++counters_.spared;
  ++counters_.answered;
  return ProtocolVerdict::kAnswered;
}

}  // namespace tapswitch
