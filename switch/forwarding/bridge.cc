#include "switch/forwarding/bridge.h"

#include <algorithm>
#include <optional>

#include "switch/forwarding/forwarder.h"

namespace tapswitch {
namespace {

// The two forms in which the copies of one frame leave.
class TagEdits {
 public:
  TagEdits(const ForwardingView& view, const EthernetHeader& header, Classification as)
      : tag_{.protocol = view.vlan_protocol(), .control = as.vlan.value}, from_(as.tag) {
    constexpr uint16_t kPriorityBits = 0xF000;  // PCP and DEI
    if (as.tag != FrameTag::kPriority) return;
    tag_.control = static_cast<uint16_t>(as.vlan.value | (header.tag->control & kPriorityBits));
  }

  [[nodiscard]] EgressFrame Copy(uint16_t frame, bool untagged) const {
    return {.frame = frame,
            .edit = TagEditFor(from_, untagged),
            .has_own_tag = from_ != FrameTag::kNone,
            .tag = tag_};
  }

 private:
  VlanTag tag_;
  FrameTag from_;
};

// A question that no port is left for.
DropReason WhyNobodyIsAsked(ProtocolVerdict verdict) {
  return verdict == ProtocolVerdict::kAnswered ? DropReason::kNeighbourAnswered
                                               : DropReason::kNoEgress;
}

// Copies of a frame as it came. Out of line, as few frames need it.
[[gnu::noinline]] void MirrorReceived(const ForwardingView& view, const Frame& frame,
                                      const EthernetHeader& header, uint16_t index,
                                      EgressLists& egress) {
  const Classification as = view.Classify(frame.ingress, header);
  const bool is_member = view.masks(as.vlan).members.contains(frame.ingress);
  view.mirrors().received(frame.ingress, as.vlan, is_member).ForEach([&](PortId to) {
    egress.Append(to, {.frame = index, .has_own_tag = as.tag != FrameTag::kNone});
  });
}

// Copies of a frame as it leaves. One that leaves in two forms, by several ports, is copied to each
// destination as it leaves by the first that is mirrored there.
[[gnu::noinline]] void MirrorSent(const ForwardingView& view, const Decision& decision, VlanId vlan,
                                  const TagEdits& edits, uint16_t index, EgressLists& egress) {
  const bool floods = decision.action == Decision::Action::kFlood;
  const PortSet leaves_by = floods ? decision.flood : PortSet::Of(decision.egress);
  const PortSet& untagged = view.masks(vlan).untagged;
  PortSet done;
  leaves_by.ForEach([&](PortId port) {
    const PortSet to = view.mirrors().sent(port, vlan) - done;
    to.ForEach(
        [&](PortId mirror) { egress.Append(mirror, edits.Copy(index, untagged.contains(port))); });
    done |= to;
  });
}

}  // namespace

Bridge::Bridge(const MacTable::Options& table)
    : table_(table), screening_(table.salt), counters_(kMaxPorts) {}

void Bridge::Process(std::span<const Frame> frames, Tick now, EgressLists& egress) {
  // Addresses in random order miss the cache twice a frame; asking for the slots a few frames ahead
  // hides that.
  constexpr size_t kAhead = 8;
  for (size_t i = 0; i < std::min(kAhead, frames.size()); ++i) Prefetch(frames[i]);
  for (size_t i = 0; i < frames.size(); ++i) {
    if (i + kAhead < frames.size()) Prefetch(frames[i + kAhead]);
    const Frame& frame = frames[i];
    PortCounters& counters = counters_[frame.ingress.value];
    const auto drop = ProcessFrame(frame, static_cast<uint16_t>(i), now, counters, egress);
    if (drop) {
      counters.Drop(*drop);
    } else {
      ++counters.forwarded;
    }
  }
}

// parse -> admit (-> screen) -> learn -> decide (-> storm control) -> group; mirrors look on, at both
// ends.
std::optional<DropReason> Bridge::ProcessFrame(const Frame& frame, uint16_t index, Tick now,
                                               PortCounters& counters, EgressLists& egress) {
  const auto header = ParseHeader(frame.bytes());
  if (!header) return DropReason::kRunt;

  const bool is_mirrored = view_.mirrors().apply_to(frame.ingress);
  if (is_mirrored) MirrorReceived(view_, frame, *header, index, egress);

  if (const auto refused = Admit(view_, frame.ingress, *header)) return refused;

  const Classification as = view_.Classify(frame.ingress, *header);
  const VlanMasks& masks = view_.masks(as.vlan);
  const bool counts = view_.filters_vlans();
  if (counts && masks.members.contains(frame.ingress)) {
    vlan_counters_.of(as.vlan, frame.ingress).received.Add(frame.bytes().size());
  }
  ProtocolVerdict verdict = ProtocolVerdict::kPass;
  if (view_.is_screened(frame.ingress)) {
    const ScreenedFrame screened{frame.ingress, as, *header, frame.bytes()};
    if (const auto refused = screening_.Check(view_, table_, screened, now, counters)) {
      return refused;
    }
    verdict = screening_.verdict();
  }
  if (masks.learning.contains(frame.ingress) && MayTeach(*header)) {
    const LearnResult result = table_.Learn(as.vlan, header->source, frame.ingress, now);
    if (result != LearnResult::kRefreshed) [[unlikely]] {
      if (const auto refused = HeedLearning(frame, as, result, now, counters)) return refused;
    }
  }

  Decision decision = Decide(view_, table_, frame.ingress, as, *header, now);
  if (decision.action == Decision::Action::kDrop) return decision.reason;
  const TagEdits edits(view_, *header, as);
  const auto send_by = [&](PortId port) {
    if (counts) vlan_counters_.of(as.vlan, port).sent.Add(frame.bytes().size());
    egress.Append(port, edits.Copy(index, masks.untagged.contains(port)));
  };
  if (decision.action == Decision::Action::kForward) {
    send_by(decision.egress);
    if (is_mirrored) MirrorSent(view_, decision, as.vlan, edits, index, egress);
    return std::nullopt;
  }
  if (verdict != ProtocolVerdict::kPass) {
    decision.flood -= view_.neigh_suppressed();
    if (decision.flood.empty()) return WhyNobodyIsAsked(verdict);
  }
  if (view_.limits_storms(frame.ingress)) [[unlikely]] {
    if (const auto refused = CheckFlood(frame, as, now, counters)) return refused;
  }
  decision.flood.ForEach(send_by);
  if (is_mirrored) MirrorSent(view_, decision, as.vlan, edits, index, egress);
  return std::nullopt;
}

// These two parse the header again: few frames need them, and so nobody takes the address of the one
// that forwarding holds in registers.

std::optional<DropReason> Bridge::HeedLearning(const Frame& frame, Classification as,
                                               LearnResult result, Tick now,
                                               PortCounters& counters) {
  counters.Learned(result);
  if (result == LearnResult::kLearned) return std::nullopt;
  const auto header = ParseHeader(frame.bytes());
  const ScreenedFrame screened{frame.ingress, as, *header, frame.bytes()};
  return screening_.HeedLearning(view_, table_, screened, result, now);
}

std::optional<DropReason> Bridge::CheckFlood(const Frame& frame, Classification as, Tick now,
                                             PortCounters& counters) {
  const auto header = ParseHeader(frame.bytes());
  const ScreenedFrame screened{frame.ingress, as, *header, frame.bytes()};
  return screening_.CheckFlood(view_, table_, screened, frame, now, counters);
}

void Bridge::Prefetch(const Frame& frame) const {
  const auto header = ParseHeader(frame.bytes());
  if (!header) return;
  const VlanId vlan = view_.Classify(frame.ingress, *header).vlan;
  table_.Prefetch(vlan, header->destination);
  table_.Prefetch(vlan, header->source);
}

}  // namespace tapswitch
