#include "switch/workers/offload/flow_offload.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace tapswitch {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Flows of one station that are ended one by one.
constexpr size_t kMostEnded = 256;

constexpr nanoseconds kCheckInterval = milliseconds(1);
constexpr nanoseconds kDrainAfter = milliseconds(5);
constexpr nanoseconds kMostPending = milliseconds(500);
constexpr Ticks kHoldOff{100};

bool IsSame(const FlowKey& a, const FlowKey& b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

uint8_t EditOf(TagEdit edit) {
  if (edit == TagEdit::kPush) return TAPSWITCH_EDIT_PUSH;
  return edit == TagEdit::kPop ? TAPSWITCH_EDIT_POP : TAPSWITCH_EDIT_KEEP;
}

}  // namespace

FlowOffload::FlowOffload(Bridge& bridge, KernelForwarding& kernel, Stopwatch time)
    : bridge_(bridge),
      kernel_(kernel),
      time_(std::move(time)),
      traffic_(kernel),
      ports_(kMaxPorts),
      reader_(bridge.journal()),
      view_generation_(bridge.view_generation()),
      ageing_(bridge.table().ageing()) {
  kernel_.SetTypeFilter(bridge_.protocols().type_filter());
}

// ---- Ports

const FlowOffload::PortFacts& FlowOffload::facts(PortId id) const { return ports_[id.value]; }

uint8_t FlowOffload::WayTo(const PortFacts& from, const PortFacts& to, MacAddress destination) {
  if (to.is_own) return TAPSWITCH_WAY_IN;
  // The kernel has that way only for frames that come in by an interface.
  const bool is_direct = !from.is_own && destination == to.station;
  return is_direct ? TAPSWITCH_WAY_PEER : TAPSWITCH_WAY_OUT;
}

void FlowOffload::SetPort(const Port& port) {
  if (is_suspended_) return;
  const PortId id = port.identity().id;
  const PortStatus& status = port.status();
  const KernelPath path = port.kernel_path();
  const bool is_here = path.is_interface && status.ifindex != 0 && status.netns == kernel_.netns();
  const PortFacts now{.is_there = true,
                      .is_up = status.link_up,
                      .is_interface = is_here,
                      .is_own = path.is_own,
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
  // One that is made again may get the ifindex that it had, and counts from 0. By a TAP of the
  // switch nothing leaves.
  if (!is_here || now.is_own) return traffic_.SetInterface(id, 0, std::nullopt);
  traffic_.SetInterface(id, now.ifindex,
                        path.seat ? path.seat->dropped_before(now.ifindex) : std::nullopt);
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
    if (bridge_.view_generation() != view_generation_) traffic_.FollowMembers(bridge_.view());
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
    kernel_.Remove(key);  // an earlier one of the key
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
                  .way = WayTo(from, to, header.destination)};
  if (!kernel_.Put(key, flow).ok()) {
    kernel_.Remove(key);
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
                                       .looked_at = now,
                                       .is_direct = flow.way == TAPSWITCH_WAY_PEER,
                                       .is_pending = true,
                                       .seat = std::move(seat),
                                       .since = time_(),
                                       .lost_before = lost});
  pending_.push_back({.id = id, .key = key});
  has_pending_.store(true, std::memory_order_relaxed);
  if (table_.size() == 1) next_scan_ = now + ScanInterval();
  next_scan_ = std::min(next_scan_, LookBefore(advice.until, now));
  if (on_pending_) on_pending_(ingress);
}

// ---- Pending flows

void FlowOffload::Work(Tick now) {
  Follow();
  if (!pending_.empty()) CheckPending(now);
  if (is_scanning_ || (table_.size() != 0 && next_scan_ <= now)) Scan(now);
}

void FlowOffload::CheckPending(Tick now) {
  const nanoseconds time = time_();
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

}  // namespace tapswitch
