// The part of FlowOffload that looks at flows again: at those that go on, and those that do not.

#include <algorithm>

#include "switch/workers/offload/flow_offload.h"

namespace tapswitch {
namespace {

// Flows that a turn looks at again.
constexpr FlowTable::Id kScanStep = 128;
// A flow is taken back after so many intervals of a large table in whose looks it had no frame.
// Time in which the thread did not look does not count.
constexpr uint64_t kMostIdle = 30;

// In a small table what should be tried in the switch is found in a fourth of the time.
constexpr size_t kSmallTable = 256;
constexpr uint64_t kInterval = 100;
constexpr uint64_t kShortInterval = 25;

// Frames a second, of conversations with small ones, between which joining them may pay, and how
// long it is not tried again. Of more than that the switch itself would lose some, joined or not.
constexpr uint64_t kJoinableRate = 50'000;
constexpr uint64_t kMostJoinable = 400'000;
constexpr Ticks kTryAgain{6000};
constexpr size_t kMostTried = 1024;

}  // namespace

Ticks FlowOffload::ScanInterval() const {
  const uint64_t most = table_.size() <= kSmallTable ? kShortInterval : kInterval;
  return {std::clamp<uint64_t>(ageing_.centiseconds / 10, 10, most)};
}

Ticks FlowOffload::MostIdle() const {
  return {kMostIdle * std::clamp<uint64_t>(ageing_.centiseconds / 10, 10, kInterval)};
}

// The time of the last look at a flow one of whose stations is forgotten then: before that, so that
// one which was seen meanwhile is not.
Tick FlowOffload::LookBefore(Tick forgotten, Tick now) {
  if (forgotten <= now + Ticks{1}) return forgotten;
  return {forgotten.centiseconds - 1};
}

void FlowOffload::Scan(Tick now) {
  if (!is_scanning_) {
    scan_at_ = 0;
    interval_ = ScanInterval();
    until_ = now + interval_;
    is_scanning_ = true;
  }
  const FlowTable::Id end = std::min(table_.end(), scan_at_ + kScanStep);
  for (; scan_at_ < end; ++scan_at_) {
    if (table_.has(scan_at_)) LookAgain(scan_at_, now);
  }
  if (scan_at_ < table_.end()) return;
  is_scanning_ = false;
  next_scan_ = until_;
}

void FlowOffload::LookAgain(FlowTable::Id id, Tick now) {
  OffloadedFlow& flow = table_[id];
  const auto found = kernel_.Find(flow.key);
  if (!found || !is_current(flow)) return Remove(id);
  const bool used = found->hits != flow.hits;
  if (used && MayPayToJoin(flow, *found, now)) return Remove(id);
  flow.hits = found->hits;
  flow.bytes = found->bytes;
  flow.looked_at = now;
  flow.idle.centiseconds = used ? 0 : flow.idle.centiseconds + interval_.centiseconds;
  const auto until = Refresh(flow, used, now);
  if (!until || flow.idle >= MostIdle()) return Remove(id);
  until_ = std::min(until_, LookBefore(*until, now));
}

// Whether a conversation is to be given back for a moment, to see whether its frames leave joined.
bool FlowOffload::MayPayToJoin(const OffloadedFlow& flow, const Flow& found, Tick now) {
  // Two processors that count at once may set both back.
  if (found.hits < flow.hits || found.bytes < flow.bytes) return false;
  const uint64_t frames = found.hits - flow.hits;
  const uint64_t bytes = found.bytes - flow.bytes;
  const uint64_t ticks = std::max<uint64_t>(1, now.centiseconds - flow.looked_at.centiseconds);
  const uint64_t rate = frames * 100 / ticks;
  const bool is_small = bytes <= frames * FlowSamples::kMostSmall;
  const bool is_ip =
      EtherType{found.type} == EtherType::kIpv4 || EtherType{found.type} == EtherType::kIpv6;
  if (rate < kJoinableRate || rate > kMostJoinable || !is_small || !is_ip) return false;
  return bridge_.view().joining().contains(flow.egress) && MayTry(HashOf(flow.key), now);
}

bool FlowOffload::MayTry(size_t hash, Tick now) {
  if (tried_.size() >= kMostTried) {
    absl::erase_if(tried_, [now](const auto& tried) { return tried.second <= now; });
  }
  const auto known = tried_.find(hash);
  if (known == tried_.end() ? tried_.size() >= kMostTried : known->second > now) return false;
  tried_[hash] = now + kTryAgain;
  return true;
}

// Notes that the source was seen, as the bridge would have. Returns when to ask again; nothing when
// one of the stations is forgotten.
std::optional<Tick> FlowOffload::Refresh(const OffloadedFlow& flow, bool used, Tick now) {
  MacTable& table = bridge_.table();
  const ForwardingView& view = bridge_.view();
  if (used && view.learns(view.masks(flow.vlan), flow.ingress) &&
      table.StandingOf(flow.vlan, flow.source, flow.ingress, now)) {
    static_cast<void>(table.Learn(flow.vlan, flow.source, flow.ingress, now));
  }
  const auto source = table.StandingOf(flow.vlan, flow.source, flow.ingress, now);
  const auto destination = table.StandingOf(flow.vlan, flow.destination, flow.egress, now);
  if (!source || !destination) return std::nullopt;
  return std::min(source->until, destination->until);
}

}  // namespace tapswitch
