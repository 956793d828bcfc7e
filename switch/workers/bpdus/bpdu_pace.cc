#include "switch/workers/bpdus/bpdu_pace.h"

#include <algorithm>
#include <utility>

namespace tapswitch {

PortSet BpduPace::Update(const PortSet& active, std::span<const Frame> frames,
                         std::span<const PortCounters> counters, Tick now) {
  PortSet paced;
  active.ForEach([&](PortId id) {
    Share& share = shares_[id.value];
    const uint64_t counted = counters[id.value].dropped(DropReason::kBpdu);
    const uint64_t before = std::exchange(share.counted, counted);
    if (counted == before) return;
    if (share.tick != now) share = {.counted = counted, .tick = now};
    // Counters may begin anew.
    share.in_tick += counted > before ? counted - before : counted;
    if (share.in_tick < kUnpaced) return;
    const auto brought = static_cast<size_t>(std::ranges::count(frames, id, &Frame::ingress));
    if (brought < kFew || share.in_tick >= kMost) paced.insert(id);
  });
  return paced;
}

}  // namespace tapswitch
