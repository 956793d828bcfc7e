#include "switch/workers/offload/flow_offload.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "ports/os/clock.h"

namespace tapswitch {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Flows that a turn looks at again.
constexpr FlowTable::Id kScanStep = 128;
// Flows of one station that are ended one by one.
constexpr size_t kMostEnded = 256;
// Looks at a flow, without a frame in between, after which it is taken back.
constexpr uint8_t kMostIdle = 30;

// Frames a second, of conversations with small ones, above which joining them may pay, and how long
// it is not tried again.
constexpr uint64_t kJoinableRate = 50'000;
constexpr Ticks kTryAgain{6000};
constexpr size_t kMostTried = 1024;

constexpr nanoseconds kCheckInterval = milliseconds(1);
constexpr nanoseconds kDrainAfter = milliseconds(5);
constexpr nanoseconds kMostPending = milliseconds(500);
constexpr Ticks kHoldOff{100};

// Often enough to find what should be tried in the switch again.
Ticks ScanInterval(Ticks ageing) {
  return {std::clamp<uint64_t>(ageing.centiseconds / 10, 10, 100)};
}

bool IsSame(const FlowKey& a, const FlowKey& b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

uint8_t EditOf(TagEdit edit) {
  if (edit == TagEdit::kPush) return TAPSWITCH_EDIT_PUSH;
  return edit == TagEdit::kPop ? TAPSWITCH_EDIT_POP : TAPSWITCH_EDIT_KEEP;
}

}  // namespace

FlowOffload::FlowOffload(Bridge& bridge, KernelForwarding& kernel)
    : bridge_(bridge),
      kernel_(kernel),
      traffic_(kernel),
      ports_(kMaxPorts),
      reader_(bridge.journal()),
      view_generation_(bridge.view_generation()),
      ageing_(bridge.table().ageing()) {
  kernel_.SetTypeFilter(bridge_.protocols().type_filter());
}

// ---- Ports

const FlowOffload::PortFacts& FlowOffload::facts(PortId id) const { return ports_[id.value]; }

void FlowOffload::SetPort(const Port& port) {
  if (is_suspended_) return;
  const PortId id = port.identity().id;
  const PortStatus& status = port.status();
  const KernelPath path = port.kernel_path();
  const bool is_here = path.is_interface && status.ifindex != 0 && status.netns == kernel_.netns();
  const PortFacts now{.is_there = true,
                      .is_up = status.link_up,
                      .is_interface = is_here,
                      .has_seat = path.seat != nullptr && path.seat->in_use(),
                      .ifindex = status.ifindex,
                      .mtu = status.mtu,
                      .station = status.station};
  if (now == facts(id)) return;
  kernel_.End(id);
  ports_[id.value] = now;
  const bool is_usable = is_here && now.is_up && now.mtu != 0;
  may_carry_.to.erase(id);
  may_carry_.from.erase(id);
  may_carry_.taken_over.erase(id);
  if (is_here && path.is_taken_over) may_carry_.taken_over.insert(id);
  if (is_usable) may_carry_.to.insert(id);
  if (is_usable && now.has_seat) may_carry_.from.insert(id);
  // One that is made again may get the ifindex that it had, and counts from 0.
  if (!is_here) traffic_.SetInterface(id, 0, 0);
  if (is_here && path.seat) {
    traffic_.SetInterface(id, now.ifindex, path.seat->dropped_before(now.ifindex));
  }
}

void FlowOffload::RemovePort(PortId id) {
  kernel_.End(id);
  ports_[id.value] = {};
  may_carry_.to.erase(id);
  may_carry_.from.erase(id);
  may_carry_.taken_over.erase(id);
}

// ---- What ends flows

void FlowOffload::Follow() {
  if (bridge_.view_generation() != view_generation_ || bridge_.table().ageing() != ageing_) {
    view_generation_ = bridge_.view_generation();
    ageing_ = bridge_.table().ageing();
    kernel_.SetTypeFilter(bridge_.protocols().type_filter());
    kernel_.EndAll();
  }
  if (reader_.waiting() == 0) return;
  if (table_.size() == 0) return reader_.Resync();
  if (reader_.needs_resync()) {
    kernel_.EndAll();
    return reader_.Resync();
  }
  reader_.Read(reader_.waiting(), [this](const Change& change) { OnChange(change); });
}

void FlowOffload::OnChange(const Change& change) {
  switch (change.kind) {
    case Change::Kind::kLearned:
    case Change::Kind::kMoved:
    case Change::Kind::kSet:
    case Change::Kind::kAppended:
    case Change::Kind::kAged:
    case Change::Kind::kFlushed:
    case Change::Kind::kErased:
    case Change::Kind::kHeld:
    case Change::Kind::kReleased:
      return EndFlowsOf(change.entry.address, change.entry.vlan);
    case Change::Kind::kPortFlushed:
    case Change::Kind::kGate:
      return kernel_.End(change.entry.port);
    case Change::Kind::kVlanFlushed:
      return kernel_.EndAll();
    case Change::Kind::kView:
      return;  // it has a generation
  }
}

void FlowOffload::EndFlowsOf(MacAddress station, VlanId vlan) {
  if (!table_.knows(station)) return;
  const auto flows = table_.Of(station, kMostEnded);
  if (flows.size() == kMostEnded) return kernel_.EndAll();
  for (const FlowTable::Id id : flows) {
    // Twice in the list, if it is from and to the same station.
    if (table_.has(id) && (vlan == kAnyVlan || table_[id].vlan == vlan)) Remove(id);
  }
}

void FlowOffload::Remove(FlowTable::Id id) {
  kernel_.Remove(table_[id].key);
  table_.Remove(id);
}

bool FlowOffload::is_current(const OffloadedFlow& flow) const {
  return flow.generations == kernel_.GenerationsOf(flow.ingress, flow.egress);
}

// ---- What begins them

void FlowOffload::Judge(const FlowSamples& samples, Ports ports, Tick now) {
  for (const FlowSample& sample : samples.all()) {
    Judge(sample, samples.is_joined(sample), ports, now);
  }
}

FlowKey FlowOffload::KeyOf(PortId ingress, const EthernetHeader& header) const {
  FlowKey key{.ifindex = static_cast<uint32_t>(facts(ingress).ifindex)};
  if (header.tag) {
    key.tag_type = static_cast<uint16_t>(header.tag->protocol);
    key.vid = header.tag->vid();
  }
  const auto destination = header.destination.bytes();
  const auto source = header.source.bytes();
  std::memcpy(key.addresses, destination.data(), destination.size());
  std::memcpy(key.addresses + destination.size(), source.data(), source.size());
  return key;
}

void FlowOffload::Judge(const FlowSample& sample, bool is_joined, Ports ports, Tick now) {
  const PortId ingress = sample.ingress;
  if (!may_carry_.from.contains(ingress)) return;  // not any more
  const FlowKey key = KeyOf(ingress, sample.header);
  if (!sightings_.Note(HashOf(key), is_joined, now)) return;
  const auto known = table_.Find(key);
  if (known && is_current(table_[*known])) return;
  const Port* const port = ingress.value < ports.size() ? ports[ingress.value].get() : nullptr;
  if (port == nullptr) return;
  Install(key, ingress, sample.header, port->kernel_path().seat, now);
}

void FlowOffload::Install(const FlowKey& key, PortId ingress, const EthernetHeader& header,
                          std::shared_ptr<KernelSeat> seat, Tick now) {
  // Before they are made use of: another thread may end the flows of a port.
  const auto view = kernel_.GenerationsOf(ingress, ingress);
  const FlowAdvice advice = AdviseFlow(bridge_.view(), bridge_.table(), bridge_.protocols(),
                                       may_carry_, ingress, header, now);
  if (advice.obstacle) return;
  const auto generations = kernel_.GenerationsOf(ingress, advice.egress);
  if (generations.view != view.view || generations.ingress != view.ingress) return;
  if (seat == nullptr || !seat->in_use()) return;
  const PortFacts& from = facts(ingress);
  const PortFacts& to = facts(advice.egress);
  const auto ingress_cell = traffic_.CellOf(advice.vlan, ingress);
  const auto egress_cell = traffic_.CellOf(advice.vlan, advice.egress);
  if (const auto known = table_.Find(key)) table_.Remove(*known);
  if (table_.full() || !ingress_cell || !egress_cell) {
    ++refused_;
    return sightings_.HoldOff(HashOf(key), now + kHoldOff);
  }
  const Flow flow{.view_generation = generations.view,
                  .ingress_generation = generations.ingress,
                  .egress_generation = generations.egress,
                  .state = TAPSWITCH_FLOW_PENDING,
                  .egress_ifindex = static_cast<uint32_t>(to.ifindex),
                  .seat = seat->number(),
                  .ingress_cell = *ingress_cell,
                  .egress_cell = *egress_cell,
                  .max_length = to.mtu + static_cast<uint32_t>(kEthernetHeaderSize),
                  .max_gso_size = to.mtu >= from.mtu ? to.mtu : 0,
                  .ingress_slot = ingress.value,
                  .egress_slot = advice.egress.value,
                  .tag_type = static_cast<uint16_t>(advice.tag.protocol),
                  .tag_control = advice.tag.control,
                  .edit = EditOf(advice.edit),
                  .by_peer = static_cast<uint8_t>(header.destination == to.station)};
  if (!kernel_.Put(key, flow).ok()) {
    kernel_.Remove(key);  // an earlier one of the key
    ++refused_;
    return;
  }
  const uint64_t lost = seat->lost();
  const FlowTable::Id id = table_.Add({.key = key,
                                       .ingress = ingress,
                                       .egress = advice.egress,
                                       .vlan = advice.vlan,
                                       .source = header.source,
                                       .destination = header.destination,
                                       .generations = generations,
                                       .is_direct = flow.by_peer != 0,
                                       .is_pending = true,
                                       .seat = std::move(seat),
                                       .since = MonotonicTime(),
                                       .lost_before = lost});
  pending_.push_back({.id = id, .key = key});
  has_pending_.store(true, std::memory_order_relaxed);
  if (table_.size() == 1) next_scan_ = now + ScanInterval(ageing_);
  next_scan_ = std::min(next_scan_, advice.until);
  if (on_pending_) on_pending_(ingress);
}

// ---- Pending flows

void FlowOffload::Work(Tick now) {
  Follow();
  if (!pending_.empty()) CheckPending(now);
  if (is_scanning_ || (table_.size() != 0 && next_scan_ <= now)) Scan(now);
}

void FlowOffload::CheckPending(Tick now) {
  const nanoseconds time = MonotonicTime();
  if (time < next_check_) return;
  next_check_ = time + kCheckInterval;
  std::erase_if(pending_, [&](const Pending& pending) {
    if (!table_.has(pending.id) || !IsSame(table_[pending.id].key, pending.key)) return true;
    if (IsStillPending(pending.id, time, now)) return false;
    if (table_.has(pending.id)) {
      table_[pending.id].is_pending = false;
      table_[pending.id].seat.reset();
    }
    return true;
  });
  drains_.EndOthers([this](const std::shared_ptr<KernelSeat>& seat) {
    return std::any_of(pending_.begin(), pending_.end(),
                       [&](const Pending& one) { return table_[one.id].seat == seat; });
  });
  has_pending_.store(!pending_.empty(), std::memory_order_relaxed);
}

bool FlowOffload::IsStillPending(FlowTable::Id id, nanoseconds time, Tick now) {
  const OffloadedFlow& flow = table_[id];
  const auto found = kernel_.Find(flow.key);
  if (!found || found->state != TAPSWITCH_FLOW_PENDING) {
    if (found) drains_.OnBegun(flow.seat);
    return false;
  }
  const nanoseconds age = time - flow.since;
  const bool is_drained = drains_.has(flow.seat);
  if (is_drained ? drains_.IsOver(flow.seat, time) : age > kMostPending) {
    drains_.OnGivenUp(flow.seat, now);
    sightings_.HoldOff(HashOf(flow.key), now + kHoldOff);
    Remove(id);
    return false;
  }
  if (age > kDrainAfter && flow.seat->lost() != flow.lost_before && !flow.seat->is_empty()) {
    drains_.Begin(flow.seat, time, now);
  }
  return true;
}

std::optional<nanoseconds> FlowOffload::patience(Tick now) const {
  if (!drains_.empty()) return kCheckInterval;
  if (is_scanning_) return nanoseconds(0);
  std::optional<nanoseconds> patience;
  if (table_.size() != 0) patience = UntilTick(next_scan_, now);
  if (!pending_.empty()) patience = std::min(patience.value_or(kDrainAfter), kDrainAfter);
  return patience;
}

// ---- Flows that go on

void FlowOffload::Scan(Tick now) {
  if (!is_scanning_) {
    scan_at_ = 0;
    until_ = now + ScanInterval(ageing_);
    is_scanning_ = true;
    last_scan_ = std::exchange(this_scan_, now);
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
  if (used && MayBeJoined(flow, *found, now)) return Remove(id);
  flow.hits = found->hits;
  flow.bytes = found->bytes;
  flow.idle_looks = static_cast<uint8_t>(used ? 0 : flow.idle_looks + 1);
  const auto until = Refresh(flow, used, now);
  if (!until || flow.idle_looks >= kMostIdle) return Remove(id);
  until_ = std::min(until_, *until);
}

// Whether a conversation is to be given back for a moment, to see whether its frames leave joined.
bool FlowOffload::MayBeJoined(const OffloadedFlow& flow, const Flow& found, Tick now) {
  const uint64_t frames = found.hits - flow.hits;
  const uint64_t bytes = found.bytes - flow.bytes;
  const uint64_t ticks = std::max<uint64_t>(1, now.centiseconds - last_scan_.centiseconds);
  if (frames * 100 < kJoinableRate * ticks || bytes > frames * FlowSamples::kMostSmall)
    return false;
  if (!bridge_.view().joining().contains(flow.egress)) return false;
  const size_t hash = HashOf(flow.key);
  if (tried_.size() >= kMostTried) tried_.clear();
  const auto [tried, is_new] = tried_.try_emplace(hash, now);
  if (!is_new && tried->second > now) return false;
  tried->second = now + kTryAgain;
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
