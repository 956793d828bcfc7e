#include "switch/workers/primary_worker.h"

#include <algorithm>
#include <utility>

namespace tapswitch {
namespace {

// Slots of the address table that a turn looks at while a sweep is going on: some tens of
// microseconds of work, so that frames never wait for a whole round.
constexpr size_t kSweepSlots = 8192;

// A tenth of the ageing time keeps dead entries few; never more often than once a second.
Ticks SweepInterval(Ticks ageing) { return {std::max<uint64_t>(100, ageing.centiseconds / 10)}; }

Ticks Remaining(Tick until, Tick now) {
  return {until.centiseconds - std::min(until, now).centiseconds};
}

}  // namespace

PrimaryWorker::PrimaryWorker(Ring& ring, const Clock& clock, SharedBridge& shared)
    : shared_(shared), bridge_(shared.bridge()), lane_(ring, clock, shared) {
  bridge_.port_guards().set_loop_detector(&loop_detector_);
  bridge_.port_guards().set_neighbours(&neighbours_);
}

PrimaryWorker::~PrimaryWorker() {
  CloseAll();
  bridge_.port_guards().set_loop_detector(nullptr);
  bridge_.port_guards().set_neighbours(nullptr);
}

absl::Status PrimaryWorker::AddPort(std::unique_ptr<Port>& port, const PortForwarding& forwarding,
                                    Passage passage) {
  const PortId id = port->identity().id;
  if (absl::Status started = lane_.AddPort(port); !started.ok()) return started;
  if (ports_.size() <= id.value) ports_.resize(id.value + 1U);
  ports_[id.value] = {
      .port = lane_.port(id), .forwarding = forwarding, .is_masked = passage == Passage::kMasked};
  bridge_.port_guards().Forget(id);
  NoticeStatus(ports_[id.value]);
  view_is_stale_ = true;
  return absl::OkStatus();
}

void PrimaryWorker::OpenPort(PortId id) {
  Attached& attached = ports_[id.value];
  attached.is_masked = false;
  view_is_stale_ = true;
  if (on_status_) on_status_(*attached.port);
  if (attached.status.link_up && on_link_state_) on_link_state_(*attached.port);
}

void PrimaryWorker::MaskPort(PortId id) {
  ports_[id.value].is_masked = true;
  view_is_stale_ = true;
}

void PrimaryWorker::ClearCounters(PortId id) { lane_.counters(id) = {}; }

void PrimaryWorker::SetForwarding(const PortForwarding& forwarding) {
  Attached& attached = ports_[forwarding.id.value];
  attached.forwarding = forwarding;
  UpdateOwnAddress(attached);
  view_is_stale_ = true;
}

void PrimaryWorker::SetForwarding(const BridgeForwarding& forwarding) {
  forwarding_ = forwarding;
  view_is_stale_ = true;
}

void PrimaryWorker::SetLoopDetection(const LoopDetection& settings) {
  loop_detector_.Configure(settings, lane_.now());
  view_is_stale_ = true;
}

void PrimaryWorker::SetMirrors(std::vector<MirrorForwarding> mirrors) {
  const PortSet before = DestinationsOf(observers_.mirrors);
  (DestinationsOf(mirrors) - before).ForEach([&](PortId id) { bridge_.table().FlushPort(id); });
  observers_.mirrors = std::move(mirrors);
  view_is_stale_ = true;
}

void PrimaryWorker::AddCapture(CapturePoint& capture) {
  lane_.AddCapture(capture);
  ++captures_;
  observers_.capturing = true;
  view_is_stale_ = true;
}

void PrimaryWorker::RemoveCapture(CapturePoint& capture) {
  lane_.RemoveCapture(capture);
  observers_.capturing = --captures_ > 0;
  view_is_stale_ = true;
}

void PrimaryWorker::RemovePort(PortId id, std::function<void(std::unique_ptr<Port>)> on_removed) {
  Attached& attached = ports_[id.value];
  attached.is_masked = true;
  lane_.RemovePort(id, [this, id, on_removed = std::move(on_removed)](std::unique_ptr<Port> port) {
    Forget(id);
    on_removed(std::move(port));
  });
  NoticeStatus(attached);
  lane_.FinishRemovals();
}

void PrimaryWorker::Forget(PortId id) {
  Attached& attached = ports_[id.value];
  attached.status.address = {};
  UpdateOwnAddress(attached);
  attached = {};
  view_is_stale_ = true;
}

void PrimaryWorker::SetAgeing(Ticks ageing) {
  bridge_.table().set_ageing(ageing);
  next_sweep_ = lane_.now();
}

void PrimaryWorker::OnLinkChange(const LinkEvent& link) {
  lane_.OnLinkChange(link);
  NoticeAll();
}

void PrimaryWorker::OnLinkAnswer(PortId id, uint16_t generation) {
  if (!lane_.OnLinkAnswer(id, generation)) return;
  NoticeStatus(ports_[id.value]);
  HeedAlarms();
}

void PrimaryWorker::NoticeAll() {
  for (Attached& attached : ports_) {
    if (attached.port != nullptr) NoticeStatus(attached);
  }
  HeedAlarms();
}

void PrimaryWorker::Run(CommandQueue& commands) {
  const auto lock = lane_.LockBridge();
  commands.RunAll();
  HeedAlarms();
  UpdateView();
}

void PrimaryWorker::Turn() {
  lane_.Receive(PrepareToWait());
  {
    const auto lock = lane_.LockBridge();
    shared_.AnswerCall();
    // Before the frames, whose answers could take all the room there is.
    loop_detector_.SendProbes(lane_.now(), lane_.outbox());
    lane_.Decide();
  }
  lane_.Send();
  SendRelayed();
  const PortSet& active = lane_.Recycle();
  {
    const auto lock = lane_.LockBridge();
    active.ForEach([this](PortId id) { NoticeStatus(ports_[id.value]); });
    HeedAlarms();
    lane_.FinishRemovals();
    Age();
    RecoverPorts();
  }
  Rest();
  lane_.WakeCaptures();
}

// The bytes stay in place until the next turn, and so until the writes are out.
void PrimaryWorker::SendRelayed() {
  for (FrameRelay* const relay : relays_) {
    relay->Take([this](PortId to, std::span<const WireFrame> frames) {
      if (Port* const egress = port(to)) return lane_.SendBy(*egress, frames);
      lane_.counters(to).Drop(DropReason::kLinkDown, frames.size());  // it has been removed since
    });
  }
}

std::optional<std::chrono::nanoseconds> PrimaryWorker::PrepareToWait() {
  const auto lock = lane_.LockBridge();
  UpdateView();
  return Timeout();
}

std::optional<std::chrono::nanoseconds> PrimaryWorker::Timeout() const {
  constexpr std::chrono::milliseconds kCentisecond(10);
  if (sweeping_) return std::chrono::nanoseconds(0);
  const auto deadline = NextDeadline();
  if (!deadline) return std::nullopt;
  const Tick now = lane_.now();
  if (*deadline <= now) return std::chrono::nanoseconds(0);
  return kCentisecond * static_cast<int64_t>(deadline->centiseconds - now.centiseconds);
}

// When something is to be done even if nothing happens.
std::optional<Tick> PrimaryWorker::NextDeadline() const {
  std::optional<Tick> next = next_recovery_;
  const auto consider = [&](Tick tick) { next = std::min(next.value_or(tick), tick); };
  if (bridge_.table().has_mortal()) consider(next_sweep_);
  if (const auto round = loop_detector_.next_round()) consider(*round);
  return next;
}

void PrimaryWorker::HeedAlarms() {
  AlarmLog& log = bridge_.port_guards().alarms();
  for (const Alarm& alarm : log.alarms()) {
    Attached& attached = ports_[alarm.port.value];
    const bool is_news = attached.port != nullptr && !(alarm.shut_down && attached.shut_down);
    if (!is_news) continue;
    ++lane_.counters(alarm.port).alarms[static_cast<size_t>(alarm.kind)];
    if (alarm.shut_down) {
      attached.shut_down = {.cause = alarm.kind};
      if (alarm.recovery != Ticks{0}) attached.shut_down->until = lane_.now() + alarm.recovery;
      bridge_.table().FlushPort(alarm.port);
      view_is_stale_ = true;
    }
    if (on_alarm_) on_alarm_(alarm);
  }
  log.Clear();
}

// Of the ports that were shut down, those whose time has come; and finds out when to look again.
void PrimaryWorker::RecoverPorts() {
  if (!view_is_stale_ && (!next_recovery_ || *next_recovery_ > lane_.now())) return;
  next_recovery_.reset();
  for (Attached& attached : ports_) {
    if (attached.port == nullptr || !attached.shut_down || !attached.shut_down->until) continue;
    const Tick until = *attached.shut_down->until;
    if (until <= lane_.now()) {
      Recover(attached.port->identity().id);
    } else if (!next_recovery_ || until < *next_recovery_) {
      next_recovery_ = until;
    }
  }
}

bool PrimaryWorker::Recover(PortId id) {
  if (port(id) == nullptr || !ports_[id.value].shut_down) return false;
  ports_[id.value].shut_down.reset();
  bridge_.port_guards().Forget(id);
  view_is_stale_ = true;
  if (on_recovery_) on_recovery_(id);
  return true;
}

void PrimaryWorker::NoticeStatus(Attached& attached) {
  const PortStatus& status = attached.port->status();
  if (status == attached.status) return;
  const bool changed = status.link_up != attached.status.link_up;
  if (changed) {
    view_is_stale_ = true;
    if (!status.link_up) bridge_.table().FlushPort(attached.port->identity().id);
  }
  // A port that was down may lose its interface, too.
  const bool lost = !status.link_up && status.ifindex == 0 && attached.status.ifindex != 0;
  if ((changed || lost) && on_link_state_ && !attached.is_masked) on_link_state_(*attached.port);
  attached.status = status;
  UpdateOwnAddress(attached);
  if (on_status_) on_status_(*attached.port);
}

// The address of a port's interface is one of the bridge's own, in all VLANs. Several interfaces may
// have the same: it is listed for the first of them, and for the next when that goes.
void PrimaryWorker::UpdateOwnAddress(Attached& attached) {
  const bool has_own = attached.forwarding.lists_own_address && !attached.status.is_guests;
  const MacAddress wanted = has_own ? attached.status.address : MacAddress{};
  const MacAddress before = std::exchange(attached.own, wanted);
  if (before == wanted) return;
  if (!before.is_zero()) ForgetOwnAddress(before, attached.port->identity().id);
  if (!wanted.is_zero()) ListOwnAddress(wanted, attached);
}

void PrimaryWorker::ListOwnAddress(MacAddress address, const Attached& attached) {
  MacTable& table = bridge_.table();
  const PortId id = attached.port->identity().id;
  HeedRivals(address, attached);
  if (table.Find(kAnyVlan, address, lane_.now())) return;
  // Without room frames to it are flooded, and nobody waits for them.
  static_cast<void>(table.Set(
      {.vlan = kAnyVlan, .address = address, .port = id, .state = MacEntryState::kPermanent},
      lane_.now()));
}

// A station elsewhere that has the address keeps its frames, for as long as it is known.
void PrimaryWorker::HeedRivals(MacAddress address, const Attached& attached) {
  VlanSet vlans;
  if (forwarding_.vlan_filtering) {
    vlans = attached.forwarding.vlans.members;
  } else {
    vlans.insert(kNoVlan);
  }
  const PortId id = attached.port->identity().id;
  const auto rivals = bridge_.table().FindRivals(vlans, address, id, lane_.now());
  for (const MacEntry& rival : rivals) bridge_.table().ExemptFromLimits(rival.vlan, address);
  if (rivals.empty()) return;
  static_cast<void>(bridge_.port_guards().alarms().Raise({.kind = Alarm::Kind::kOwnAddress,
                                                          .port = id,
                                                          .other = rivals.front().port,
                                                          .vlan = rivals.front().vlan,
                                                          .address = address}));
}

void PrimaryWorker::ForgetOwnAddress(MacAddress address, PortId id) {
  if (!bridge_.table().Erase(kAnyVlan, address, id)) return;
  const auto next = std::find_if(ports_.begin(), ports_.end(), [&](const Attached& other) {
    return other.port != nullptr && other.own == address;
  });
  if (next != ports_.end()) ListOwnAddress(address, *next);
}

PortForwarding PrimaryWorker::EffectiveForwarding(const Attached& attached) {
  PortForwarding forwarding = attached.forwarding;
  const bool is_closed = attached.is_masked || !attached.status.link_up || attached.shut_down;
  if (is_closed) forwarding.state = PortState::kDisabled;
  forwarding.shut_down = attached.shut_down.has_value();
  return forwarding;
}

PortState PrimaryWorker::EffectiveState(PortId id) const {
  const bool is_there = id.value < ports_.size() && ports_[id.value].port != nullptr;
  return is_there ? EffectiveForwarding(ports_[id.value]).state : PortState::kDisabled;
}

void PrimaryWorker::UpdateView() {
  if (std::exchange(view_is_stale_, false)) RebuildView();
}

void PrimaryWorker::RebuildView() {
  std::vector<PortForwarding> ports;
  for (const Attached& attached : ports_) {
    if (attached.port == nullptr) continue;
    ports.push_back(EffectiveForwarding(attached));
  }
  BridgeForwarding forwarding = forwarding_;
  forwarding.detects_loops = loop_detector_.settings().is_on();
  bridge_.SetView(ForwardingView(ports, forwarding, observers_));
  TellLoopDetector(ports);
  // What was known when nobody listened any more is not believed later.
  if (bridge_.view().neigh_suppressed().empty()) {
    neighbours_.table().Release();
  } else {
    neighbours_.table().Reserve();
  }
}

void PrimaryWorker::TellLoopDetector(std::span<const PortForwarding> ports) {
  PortSet forwarding;
  PortSet probing;
  for (const PortForwarding& port : ports) {
    if (port.state != PortState::kForwarding) continue;
    if (bridge_.view().is_mirror_destination(port.id)) continue;
    forwarding.insert(port.id);
    if (port.loop_detection) probing.insert(port.id);
  }
  loop_detector_.SetPorts(forwarding, probing);
}

SwitchSnapshot PrimaryWorker::Snapshot() const {
  SwitchSnapshot snapshot;
  const MacTable& table = bridge_.table();
  for (const Attached& attached : ports_) {
    if (attached.port == nullptr) continue;
    const PortIdentity& identity = attached.port->identity();
    snapshot.ports.push_back({
        .id = identity.id,
        .name = identity.name,
        .status = attached.status,
        .state = EffectiveForwarding(attached).state,
        .learned = table.learned(identity.id),
        .shut_down = attached.shut_down,
    });
    if (attached.shut_down && attached.shut_down->until) {
      snapshot.ports.back().recovers_in = Remaining(*attached.shut_down->until, lane_.now());
    }
  }
  snapshot.table = {.entries = table.size(),
                    .learned = table.learned(),
                    .capacity = table.capacity(),
                    .evicted = table.evictions()};
  snapshot.loop_detection = loop_detector_.counters();
  snapshot.neighbours = {.counters = neighbours_.counters(),
                         .entries = neighbours_.table().CountAlive(lane_.now())};
  snapshot.Add(lane_.Snapshot());
  return snapshot;
}

void PrimaryWorker::Age() {
  MacTable& table = bridge_.table();
  if (!sweeping_ && (next_sweep_ > lane_.now() || !table.has_mortal())) return;
  sweeping_ = !table.Sweep(kSweepSlots, lane_.now());
  if (sweeping_) return;
  next_sweep_ = lane_.now() + SweepInterval(table.ageing());
  rest_is_due_ = true;
}

// As often as the table is swept, which is done as long as there is a station that was heard of.
void PrimaryWorker::Rest() {
  if (!rest_is_due_ || !lane_.Rest()) return;
  rest_is_due_ = false;
  if (on_rest_) on_rest_();
}

}  // namespace tapswitch
