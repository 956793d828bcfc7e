#include "switch/forwarding/bridge.h"

#include <algorithm>
#include <optional>

#include "switch/forwarding/forwarder.h"

namespace tapswitch {

Bridge::Bridge(const MacTable::Options& table) : table_(table), counters_(kMaxPorts) {}

void Bridge::Process(std::span<const Frame> frames, Tick now, EgressLists& egress) {
  // Addresses in random order miss the cache twice a frame; asking for the slots a few frames ahead
  // hides that.
  constexpr size_t kAhead = 8;
  for (size_t i = 0; i < std::min(kAhead, frames.size()); ++i) Prefetch(frames[i]);
  for (size_t i = 0; i < frames.size(); ++i) {
    if (i + kAhead < frames.size()) Prefetch(frames[i + kAhead]);
    const Frame& frame = frames[i];
    PortCounters& counters = counters_[frame.ingress.value];
    const auto drop =
        ProcessFrame(frame, {.frame = static_cast<uint16_t>(i)}, now, counters, egress);
    if (drop) {
      counters.Drop(*drop);
    } else {
      ++counters.forwarded;
    }
  }
}

// parse -> admit (-> screen) -> learn -> decide -> group
std::optional<DropReason> Bridge::ProcessFrame(const Frame& frame, EgressFrame copy, Tick now,
                                               PortCounters& counters, EgressLists& egress) {
  const auto header = ParseHeader(frame.bytes());
  if (!header) return DropReason::kRunt;

  if (const auto refused = Admit(*header)) return refused;

  const VlanId vlan = view_.Classify(frame.ingress);
  if (view_.is_screened(frame.ingress)) {
    if (const auto refused = Screen(view_, table_, frame.ingress, vlan, header->source, now)) {
      return refused;
    }
  }
  if (view_.masks(vlan).learning.contains(frame.ingress)) {
    const LearnResult result = table_.Learn(vlan, header->source, frame.ingress, now);
    if (result != LearnResult::kRefreshed) counters.Learned(result);
  }

  const Decision decision = Decide(view_, table_, frame.ingress, vlan, *header, now);
  switch (decision.action) {
    case Decision::Action::kDrop:
      return decision.reason;
    case Decision::Action::kForward:
      egress.Append(decision.egress, copy);
      break;
    case Decision::Action::kFlood:
      decision.flood.ForEach([&](PortId port) { egress.Append(port, copy); });
      break;
  }
  return std::nullopt;
}

void Bridge::Prefetch(const Frame& frame) const {
  const auto bytes = frame.bytes();
  if (bytes.size() < kEthernetHeaderSize) return;
  const VlanId vlan = view_.Classify(frame.ingress);
  table_.Prefetch(vlan, MacAddress::FromBytes(bytes.first<kMacAddressSize>()));
  table_.Prefetch(vlan, MacAddress::FromBytes(bytes.subspan<kMacAddressSize, kMacAddressSize>()));
}

}  // namespace tapswitch
