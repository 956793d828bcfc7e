#include "switch/forwarding/bridge.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "switch/forwarding/decision.h"
#include "switch/forwarding/guards/source_checks.h"

namespace tapswitch {
namespace {

// A question that no port is left for.
DropReason WhyNobodyIsAsked(ProtocolVerdict verdict) {
  return verdict == ProtocolVerdict::kAnswered ? DropReason::kNeighbourAnswered
                                               : DropReason::kNoEgress;
}

// Copies of a frame as it came. Out of line, as few frames need it; and it parses the header again, so
// that nobody takes the address of the one that forwarding holds in registers.
[[gnu::noinline]] void MirrorReceived(const ForwardingView& view, const Frame& frame,
                                      uint16_t index, EgressLists& egress) {
  const auto header = ParseHeader(frame.bytes());
  const Classification as = view.Classify(frame.ingress, *header);
  const bool is_member = view.masks(as.vlan).members.contains(frame.ingress);
  const PortSet to =
      view.mirrors().received(frame.ingress, as.vlan, is_member) & view.gates().enabled();
  to.ForEach([&](PortId mirror) { egress.Append(mirror, {.frame = index}); });
}

// Copies of a frame as it leaves. One that leaves in two forms, by several ports, is copied to each
// destination as it leaves by the first that is mirrored there.
[[gnu::noinline]] void MirrorSent(const ForwardingView& view, const PortSet& leaves_by, VlanId vlan,
                                  TagEdits edits, uint16_t index, EgressLists& egress) {
  const PortSet& untagged = view.masks(vlan).untagged;
  PortSet left = view.gates().enabled();
  leaves_by.ForEach([&](PortId port) {
    const PortSet to = view.mirrors().sent(port, vlan) & left;
    to.ForEach(
        [&](PortId mirror) { egress.Append(mirror, edits.Copy(index, untagged.contains(port))); });
    left -= to;
  });
}

[[gnu::noinline]] void MirrorSent(const ForwardingView& view, PortId leaves_by, VlanId vlan,
                                  TagEdits edits, uint16_t index, EgressLists& egress) {
  MirrorSent(view, PortSet::Of(leaves_by), vlan, edits, index, egress);
}

}  // namespace

Bridge::Bridge(const MacTable::Options& table)
    : table_(table), port_guards_(table.salt), counters_(kMaxPorts) {}

PreparedView Bridge::Prepare(ForwardingView view) const {
  VlanCounterChange counters = vlan_counters_.Plan(view_, view);
  return {.view = std::move(view), .counters = std::move(counters)};
}

void Bridge::SwapView(PreparedView& prepared) {
  std::swap(view_, prepared.view);
  vlan_counters_.Apply(prepared.counters);
}

void Bridge::SetView(ForwardingView view) {
  PreparedView prepared = Prepare(std::move(view));
  SwapView(prepared);
}

void Bridge::Process(std::span<const Frame> frames, Tick now, EgressLists& egress,
                     std::span<PortCounters> all_counters) {
  // Addresses in random order miss the cache twice a frame; asking for the slots a few frames ahead
  // hides that.
  constexpr size_t kAhead = 8;
  port_guards_.set_outbox(egress.outbox());
  for (size_t i = 0; i < std::min(kAhead, frames.size()); ++i) Prefetch(frames[i]);
  for (size_t i = 0; i < frames.size(); ++i) {
    if (i + kAhead < frames.size()) Prefetch(frames[i + kAhead]);
    const Frame& frame = frames[i];
    PortCounters& counters = all_counters[frame.ingress.value];
    const auto drop = ProcessFrame(frame, static_cast<uint16_t>(i), now, counters, egress);
    if (drop) {
      counters.Drop(*drop);
    } else {
      ++counters.forwarded;
    }
  }
}

// parse -> admit (-> screen) -> learn -> decide -> group; mirrors look on, at both ends.
std::optional<DropReason> Bridge::ProcessFrame(const Frame& frame, uint16_t index, Tick now,
                                               PortCounters& counters, EgressLists& egress) {
  const auto header = ParseHeader(frame.bytes());
  if (!header) return DropReason::kRunt;

  const bool is_mirrored = view_.mirrors().apply_to(frame.ingress);
  if (is_mirrored) [[unlikely]]
    MirrorReceived(view_, frame, index, egress);

  if (const auto refused = Admit(view_, frame.ingress, *header)) return refused;

  const Classification as = view_.Classify(frame.ingress, *header);
  const VlanMasks& masks = view_.masks(as.vlan);
  if (view_.filters_vlans() && masks.members.contains(frame.ingress)) {
    vlan_counters_.of(as.vlan, frame.ingress).received.Add(frame.bytes().size());
  }
  if (view_.is_screened(frame.ingress)) [[unlikely]] {
    if (const auto refused = Screen(frame, as, now, counters)) return refused;
  }
  if (view_.learns(masks, frame.ingress) && MayTeach(*header)) {
    const LearnResult result = table_.Learn(as.vlan, header->source, frame.ingress, now);
    if (result != LearnResult::kRefreshed) [[unlikely]] {
      if (const auto refused = HeedLearning(frame, as, result, now, counters)) return refused;
    }
  }

  const Decision decision = Decide(view_, table_, frame.ingress, as, *header, now);
  if (decision.action == Decision::Action::kDrop) return decision.reason;
  const TagEdits edits(view_, *header, as);
  if (decision.action == Decision::Action::kFlood) {
    // A copy, so that the decision itself can stay in registers.
    const PortSet flood = decision.flood;
    return Flood(frame, index, as, flood, edits, now, counters, egress);
  }
  SendBy(decision.egress, frame, index, as.vlan, edits, egress);
  if (is_mirrored) [[unlikely]] {
    MirrorSent(view_, decision.egress, as.vlan, edits, index, egress);
  }
  return std::nullopt;
}

void Bridge::SendBy(PortId port, const Frame& frame, uint16_t index, VlanId vlan, TagEdits edits,
                    EgressLists& egress) {
  if (view_.filters_vlans()) vlan_counters_.of(vlan, port).sent.Add(frame.bytes().size());
  egress.Append(port, edits.Copy(index, view_.masks(vlan).untagged.contains(port)));
}

// What few ports want of floods comes first: no questions that the bridge has answered, no storms.
std::optional<DropReason> Bridge::Flood(const Frame& frame, uint16_t index, Classification as,
                                        PortSet ports, TagEdits edits, Tick now,
                                        PortCounters& counters, EgressLists& egress) {
  if (view_.is_screened(frame.ingress) && port_guards_.verdict() != ProtocolVerdict::kPass) {
    ports -= view_.neigh_suppressed();
    if (ports.empty()) return WhyNobodyIsAsked(port_guards_.verdict());
  }
  if (view_.limits_storms(frame.ingress)) [[unlikely]] {
    if (const auto refused = CheckFlood(frame, as, now, counters)) return refused;
  }
  ports.ForEach([&](PortId port) { SendBy(port, frame, index, as.vlan, edits, egress); });
  if (view_.mirrors().apply_to(frame.ingress)) [[unlikely]] {
    MirrorSent(view_, ports, as.vlan, edits, index, egress);
  }
  return std::nullopt;
}

std::optional<DropReason> Bridge::Screen(const Frame& frame, Classification as, Tick now,
                                         PortCounters& counters) {
  const auto header = ParseHeader(frame.bytes());
  const ScreenedFrame screened{frame.ingress, as, *header, frame.bytes()};
  return port_guards_.Check(view_, table_, screened, now, counters);
}

std::optional<DropReason> Bridge::HeedLearning(const Frame& frame, Classification as,
                                               LearnResult result, Tick now,
                                               PortCounters& counters) {
  counters.Learned(result);
  if (result == LearnResult::kLearned) return std::nullopt;
  const auto header = ParseHeader(frame.bytes());
  const ScreenedFrame screened{frame.ingress, as, *header, frame.bytes()};
  return port_guards_.HeedLearning(view_, table_, screened, result, now);
}

std::optional<DropReason> Bridge::CheckFlood(const Frame& frame, Classification as, Tick now,
                                             PortCounters& counters) {
  const auto header = ParseHeader(frame.bytes());
  const ScreenedFrame screened{frame.ingress, as, *header, frame.bytes()};
  return port_guards_.CheckFlood(view_, table_, screened, frame, now, counters);
}

void Bridge::Prefetch(const Frame& frame) const {
  const auto bytes = frame.bytes();
  if (bytes.size() < kEthernetHeaderSize) return;
  // All frames of a bridge that does not filter VLANs are in the same one.
  VlanId vlan = kNoVlan;
  if (view_.filters_vlans()) {
    const auto header = ParseHeader(bytes);
    if (!header) return;
    vlan = view_.Classify(frame.ingress, *header).vlan;
  }
  table_.Prefetch(vlan, MacAddress::FromBytes(bytes.first<kMacAddressSize>()));
  table_.Prefetch(vlan, MacAddress::FromBytes(bytes.subspan<kMacAddressSize, kMacAddressSize>()));
}

}  // namespace tapswitch
