#include "switch/worker.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace tapswitch {
namespace {

// Slots of the address table that a turn looks at while a sweep is going on: some tens of
// microseconds of work, so that frames never wait for a whole round.
constexpr size_t kSweepSlots = 8192;

// A tenth of the ageing time keeps dead entries few; never more often than once a second.
Ticks SweepInterval(Ticks ageing) { return {std::max<uint64_t>(100, ageing.centiseconds / 10)}; }

bool SameAddressee(const Tag& a, const Tag& b) {
  return a.port == b.port && a.generation == b.generation &&
         (a.operation == Operation::kReadiness) == (b.operation == Operation::kReadiness) &&
         (a.operation == Operation::kPoll) == (b.operation == Operation::kPoll);
}

Ticks Remaining(Tick until, Tick now) {
  return {until.centiseconds - std::min(until, now).centiseconds};
}

}  // namespace

Worker::Worker(Ring& ring, const Clock& clock, Bridge& bridge)
    : ring_(ring), clock_(clock), bridge_(bridge), now_(clock.Now()) {
  bridge_.screening().set_loop_detector(&loop_detector_);
  bridge_.screening().set_neighbours(&neighbours_);
}

Worker::~Worker() {
  CloseAll();
  bridge_.screening().set_loop_detector(nullptr);
  bridge_.screening().set_neighbours(nullptr);
}

absl::Status Worker::AddPort(std::unique_ptr<Port>& port, const PortForwarding& forwarding) {
  const PortId id = port->identity().id;
  if (absl::Status started = port->Start(ring_); !started.ok()) return started;
  if (ports_.size() <= id.value) ports_.resize(id.value + 1U);
  egress_.AddPort(id);
  ports_[id.value] = {.port = std::move(port), .forwarding = forwarding};
  bridge_.screening().Forget(id);
  NoticeStatus(ports_[id.value]);
  view_is_stale_ = true;
  return absl::OkStatus();
}

void Worker::SetForwarding(const PortForwarding& forwarding) {
  Attached& attached = ports_[forwarding.id.value];
  attached.forwarding = forwarding;
  UpdateOwnAddress(attached);
  view_is_stale_ = true;
}

void Worker::SetForwarding(const BridgeForwarding& forwarding) {
  forwarding_ = forwarding;
  view_is_stale_ = true;
  for (Attached& attached : ports_) {
    if (attached.port) UpdateOwnAddress(attached);
  }
}

void Worker::SetLoopDetection(const LoopDetection& settings) {
  loop_detector_.Configure(settings, now_);
  view_is_stale_ = true;
}

void Worker::SetMirrors(std::vector<MirrorForwarding> mirrors) {
  const PortSet before = DestinationsOf(observers_.mirrors);
  (DestinationsOf(mirrors) - before).ForEach([&](PortId id) { bridge_.table().FlushPort(id); });
  observers_.mirrors = std::move(mirrors);
  view_is_stale_ = true;
}

void Worker::AddCapture(CaptureTap& capture) {
  captures_.push_back(&capture);
  observers_.capturing = true;
  view_is_stale_ = true;
}

void Worker::RemoveCapture(CaptureTap& capture) {
  std::erase(captures_, &capture);
  observers_.capturing = !captures_.empty();
  view_is_stale_ = true;
}

void Worker::RemovePort(PortId id, std::function<void(std::unique_ptr<Port>)> on_removed) {
  Attached& attached = ports_[id.value];
  attached.on_removed = std::move(on_removed);
  ++removals_;
  attached.port->BeginClose();
  NoticeStatus(attached);
  FinishRemovals();
}

void Worker::SetAgeing(Ticks ageing) {
  bridge_.table().set_ageing(ageing);
  next_sweep_ = now_;
}

// Between two batches, so that nothing refers to the port any more.
void Worker::FinishRemovals() {
  if (removals_ == 0) return;
  for (Attached& attached : ports_) {
    if (!attached.on_removed || !attached.port->closed()) continue;
    attached.port->Detach();
    attached.status.address = {};
    UpdateOwnAddress(attached);
    const auto on_removed = std::move(attached.on_removed);
    on_removed(std::move(attached.port));
    attached = {};
    --removals_;
    view_is_stale_ = true;
  }
}

Port* Worker::port(PortId id) {
  return id.value < ports_.size() ? ports_[id.value].port.get() : nullptr;
}

void Worker::OnLinkChange(const LinkEvent& link) {
  for (Attached& attached : ports_) {
    if (!attached.port) continue;
    attached.port->OnLinkChange(link);
    NoticeStatus(attached);
  }
}

void Worker::Turn() {
  UpdateView();
  WaitAndDispatch(Timeout());
  if (!captures_.empty()) CaptureReceived();
  // Before the frames, whose answers could take all the room there is.
  loop_detector_.SendProbes(now_, bridge_.screening().outbox());
  if (!batch_.empty()) Forward();
  active_.ForEach([this](PortId id) {
    ports_[id.value].port->Recycle();
    NoticeStatus(ports_[id.value]);
  });
  FinishRemovals();
  Age();
  RecoverPorts();
  SendOriginated();
  for (CaptureTap* const capture : captures_) capture->WakeReader();
}

// The time is read once a turn: to all frames that came in one system call, it is the same.
void Worker::CaptureReceived() {
  captured_at_ = clock_.RealTime();
  for (CaptureTap* const capture : captures_) {
    for (const Frame& frame : batch_.frames()) {
      capture->Take(frame.ingress, CaptureTap::Direction::kInbound, captured_at_,
                    {.pieces = {&frame.wire, 1}, .size = frame.bytes().size()});
    }
  }
}

void Worker::CaptureSent(PortId by, std::span<const WireFrame> frames) {
  for (CaptureTap* const capture : captures_) {
    for (const WireFrame& frame : frames) {
      capture->Take(by, CaptureTap::Direction::kOutbound, captured_at_, frame);
    }
  }
}

std::optional<std::chrono::nanoseconds> Worker::Timeout() const {
  constexpr std::chrono::milliseconds kCentisecond(10);
  if (sweeping_ || !readable_.empty()) return std::chrono::nanoseconds(0);
  const auto deadline = NextDeadline();
  if (!deadline) return std::nullopt;
  if (*deadline <= now_) return std::chrono::nanoseconds(0);
  return kCentisecond * static_cast<int64_t>(deadline->centiseconds - now_.centiseconds);
}

// When something is to be done even if nothing happens.
std::optional<Tick> Worker::NextDeadline() const {
  std::optional<Tick> next = next_recovery_;
  const auto consider = [&](Tick tick) { next = std::min(next.value_or(tick), tick); };
  if (bridge_.table().has_mortal()) consider(next_sweep_);
  if (const auto round = loop_detector_.next_round()) consider(*round);
  return next;
}

// Interrupted or timed out, there may be completions all the same; and where there are none, the
// turn simply has nothing to do.
void Worker::Wait(std::optional<std::chrono::nanoseconds> timeout) {
  constexpr std::chrono::nanoseconds kOnlyLook(0);
  if (busy_poll_ > kOnlyLook && timeout != kOnlyLook) {
    const auto end = MonotonicTime() + busy_poll_;
    do {
      if (ring_.SubmitAndWait(kOnlyLook) == WaitResult::kCompletions) return;
    } while (MonotonicTime() < end);
  }
  static_cast<void>(ring_.SubmitAndWait(timeout));
}

void Worker::WaitAndDispatch(std::optional<std::chrono::nanoseconds> timeout) {
  batch_.clear();
  active_ = {};
  Wait(timeout);
  now_ = clock_.Now();
  bridge_.screening().outbox().Clear();
  originated_ = 0;
  static_assert(kMaxReap <= FrameBatch::kCapacity * 3 / 4,
                "what is reaped fits in a batch, with room for ports that read by themselves");
  auto completions = ring_.Reap();
  while (!completions.empty()) {
    const Tag& tag = completions.front().tag;
    const auto end = std::find_if_not(completions.begin(), completions.end(),
                                      [&](const auto& c) { return SameAddressee(c.tag, tag); });
    const auto length = static_cast<size_t>(end - completions.begin());
    DispatchRun(completions.first(length));
    completions = completions.subspan(length);
  }
  if (!readable_.empty()) ReadSockets();
}

// Another port comes first each turn, as the batch may fill up.
void Worker::ReadSockets() {
  const PortSet ports = readable_;
  const PortId first = first_reader_;
  std::optional<PortId> next;
  for (const bool from_first : {true, false}) {
    ports.ForEach([&](PortId id) {
      if ((id.value >= first.value) != from_first) return;
      ReadSocket(id);
      if (id.value > first.value && !next) next = id;
    });
  }
  first_reader_ = next.value_or(PortId{0});
}

void Worker::ReadSocket(PortId id) {
  Port* const reader = port(id);
  if (reader != nullptr) active_.insert(id);
  if (reader == nullptr || !reader->Receive(batch_)) readable_.erase(id);
}

void Worker::DispatchRun(std::span<const Completion> run) {
  const Tag& tag = run.front().tag;
  if (tag.operation == Operation::kReadiness) {
    for (const Completion& completion : run) on_readiness_(completion.tag.slot);
    return;
  }
  Port* port = Addressee(tag);
  if (port == nullptr) return;  // it has been removed since
  if (tag.operation == Operation::kPoll) readable_.insert(tag.port);
  port->OnCompletions(run, batch_);
  active_.insert(tag.port);
}

Port* Worker::Addressee(const Tag& tag) {
  Port* found = port(tag.port);
  return found != nullptr && found->identity().generation == tag.generation ? found : nullptr;
}

void Worker::Forward() {
  const size_t size = batch_.frames().size();
  ++loop_.batch_sizes[static_cast<size_t>(std::bit_width(size - 1))];
  loop_.frames += size;
  bridge_.Process(batch_.frames(), now_, egress_);
  builder_.Begin(batch_.frames());
  egress_.used().ForEach([this](PortId id) { SendFrom(id); });
  egress_.Clear();
  HeedAlarms();
}

void Worker::HeedAlarms() {
  AlarmLog& log = bridge_.screening().alarms();
  for (const Alarm& alarm : log.alarms()) {
    Attached& attached = ports_[alarm.port.value];
    const bool is_news = attached.port && !(alarm.shut_down && attached.shut_down);
    if (!is_news) continue;
    ++bridge_.counters(alarm.port).alarms[static_cast<size_t>(alarm.kind)];
    if (alarm.shut_down) {
      attached.shut_down = {.cause = alarm.kind};
      if (alarm.recovery != Ticks{0}) attached.shut_down->until = now_ + alarm.recovery;
      bridge_.table().FlushPort(alarm.port);
      view_is_stale_ = true;
    }
    if (on_alarm_) on_alarm_(alarm);
  }
  log.Clear();
  RecoverPorts();
}

// Of the ports that were shut down, those whose time has come; and finds out when to look again.
void Worker::RecoverPorts() {
  if (!view_is_stale_ && (!next_recovery_ || *next_recovery_ > now_)) return;
  next_recovery_.reset();
  for (Attached& attached : ports_) {
    if (!attached.port || !attached.shut_down || !attached.shut_down->until) continue;
    const Tick until = *attached.shut_down->until;
    if (until <= now_) {
      Recover(attached.port->identity().id);
    } else if (!next_recovery_ || until < *next_recovery_) {
      next_recovery_ = until;
    }
  }
}

bool Worker::Recover(PortId id) {
  if (port(id) == nullptr || !ports_[id.value].shut_down) return false;
  ports_[id.value].shut_down.reset();
  bridge_.screening().Forget(id);
  view_is_stale_ = true;
  if (on_recovery_) on_recovery_(id);
  return true;
}

void Worker::SendOriginated() {
  const auto letters = bridge_.screening().outbox().letters();
  for (; originated_ < letters.size(); ++originated_) {
    const Outbox::Letter& letter = letters[originated_];
    Port* const egress = port(letter.egress);
    if (egress == nullptr) continue;  // it has been removed since
    const WireFrame frame{.pieces = {&letter.wire, 1},
                          .size = letter.wire.size - kVirtioNetHeaderSize};
    if (!captures_.empty()) CaptureSent(letter.egress, {&frame, 1});
    egress->Send({&frame, 1});
  }
}

void Worker::SendFrom(PortId id) {
  Attached& to = ports_[id.value];
  const EgressLimits limits{
      .accepted = to.status.accepted, .mtu = to.status.mtu, .join = joins_frames_};
  auto copies = egress_.of(id);
  while (!copies.empty()) copies = copies.subspan(Append(copies, limits, *to.port));
  HandOver(*to.port);
}

// Returns how many copies from the front have been seen to.
size_t Worker::Append(std::span<const EgressFrame> copies, const EgressLimits& limits, Port& to) {
  auto appended = builder_.Append(copies, limits);
  if (appended.result == EgressBuilder::Result::kNoRoom) {
    HandOver(to);
    ring_.Submit();
    builder_.ClearScratch();
    appended = builder_.Append(copies, limits);
  }
  const auto [result, count] = appended;
  PortCounters& counters = *to.identity().counters;
  if (result != EgressBuilder::Result::kAppended) {
    counters.Drop(result == EgressBuilder::Result::kTooLong ? DropReason::kTooLong
                                                            : DropReason::kUnsegmentable);
  } else if (count > 1) {
    counters.joined.Add(count);
  }
  return count;
}

void Worker::HandOver(Port& port) {
  if (!captures_.empty()) CaptureSent(port.identity().id, builder_.frames());
  if (!builder_.frames().empty()) port.Send(builder_.frames());
  builder_.ClearFrames();
}

void Worker::NoticeStatus(Attached& attached) {
  const PortStatus& status = attached.port->status();
  if (status == attached.status) return;
  if (status.link_up != attached.status.link_up) {
    view_is_stale_ = true;
    if (!status.link_up) bridge_.table().FlushPort(attached.port->identity().id);
    if (on_link_state_ && !attached.on_removed) on_link_state_(*attached.port);
  }
  attached.status = status;
  UpdateOwnAddress(attached);
}

// The address of a port's interface is one of the bridge's own, in each VLAN of the port while VLANs
// are filtered. Several interfaces may have the same: it is listed for the first of them, and for the
// next when that goes.
void Worker::UpdateOwnAddress(Attached& attached) {
  OwnAddress wanted{.address = attached.status.address};
  if (!wanted.address.is_zero()) {
    wanted.vlans.insert(kNoVlan);
    if (forwarding_.vlan_filtering) wanted.vlans |= attached.forwarding.vlans.members;
  }
  const OwnAddress before = std::exchange(attached.own, wanted);
  if (before == wanted) return;
  const bool is_the_same = before.address == wanted.address;
  const PortId id = attached.port->identity().id;
  (is_the_same ? before.vlans - wanted.vlans : before.vlans).ForEach([&](VlanId vlan) {
    ForgetOwnAddress(vlan, before.address, id);
  });
  (is_the_same ? wanted.vlans - before.vlans : wanted.vlans).ForEach([&](VlanId vlan) {
    ListOwnAddress(vlan, wanted.address, id);
  });
}

void Worker::ListOwnAddress(VlanId vlan, MacAddress address, PortId id) {
  MacTable& table = bridge_.table();
  const auto entry = table.Find(vlan, address, now_);
  if (entry && entry->state == MacEntryState::kPermanent) return;
  // Without room frames to it are flooded, and nobody waits for them.
  static_cast<void>(table.Set(
      {.vlan = vlan, .address = address, .port = id, .state = MacEntryState::kPermanent}, now_));
}

void Worker::ForgetOwnAddress(VlanId vlan, MacAddress address, PortId id) {
  MacTable& table = bridge_.table();
  const auto entry = table.Find(vlan, address, now_);
  const bool is_own = entry && entry->state == MacEntryState::kPermanent;
  if (!is_own || !table.Erase(vlan, address, id)) return;
  const auto next = std::find_if(ports_.begin(), ports_.end(), [&](const Attached& other) {
    return other.port && other.own.address == address && other.own.vlans.contains(vlan);
  });
  if (next != ports_.end()) ListOwnAddress(vlan, address, next->port->identity().id);
}

PortForwarding Worker::EffectiveForwarding(const Attached& attached) {
  PortForwarding forwarding = attached.forwarding;
  if (!attached.status.link_up || attached.shut_down) forwarding.state = PortState::kDisabled;
  forwarding.shut_down = attached.shut_down.has_value();
  return forwarding;
}

PortState Worker::EffectiveState(PortId id) const {
  const bool is_there = id.value < ports_.size() && ports_[id.value].port;
  return is_there ? EffectiveForwarding(ports_[id.value]).state : PortState::kDisabled;
}

void Worker::UpdateView() {
  if (std::exchange(view_is_stale_, false)) RebuildView();
}

void Worker::RebuildView() {
  std::vector<PortForwarding> ports;
  for (const Attached& attached : ports_) {
    if (!attached.port) continue;
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

void Worker::TellLoopDetector(std::span<const PortForwarding> ports) {
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

SwitchSnapshot Worker::Snapshot() const {
  SwitchSnapshot snapshot;
  const MacTable& table = bridge_.table();
  for (const Attached& attached : ports_) {
    if (!attached.port) continue;
    attached.port->RefreshCounters();
    const PortIdentity& identity = attached.port->identity();
    snapshot.ports.push_back({
        .id = identity.id,
        .name = identity.name,
        .status = attached.status,
        .state = EffectiveForwarding(attached).state,
        .counters = *identity.counters,
        .learned = table.learned(identity.id),
        .shut_down = attached.shut_down,
    });
    if (attached.shut_down && attached.shut_down->until) {
      snapshot.ports.back().recovers_in = Remaining(*attached.shut_down->until, now_);
    }
  }
  snapshot.table = {.entries = table.size(),
                    .learned = table.learned(),
                    .capacity = table.capacity(),
                    .evicted = table.evictions()};
  snapshot.loop_detection = loop_detector_.counters();
  snapshot.neighbours = {.counters = neighbours_.counters(),
                         .entries = neighbours_.table().CountAlive(now_)};
  snapshot.loop = loop_;
  snapshot.loop.busy_seconds = ThreadCpuSeconds();
  snapshot.loop.ring_overflows = ring_.overflows();
  return snapshot;
}

void Worker::Age() {
  MacTable& table = bridge_.table();
  if (!sweeping_ && (next_sweep_ > now_ || !table.has_mortal())) return;
  sweeping_ = !table.Sweep(kSweepSlots, now_);
  if (!sweeping_) next_sweep_ = now_ + SweepInterval(table.ageing());
}

void Worker::CloseAll() {
  for (const Attached& attached : ports_) {
    if (attached.port && !attached.port->closed()) attached.port->BeginClose();
  }
  const auto all_closed = [this] {
    return std::all_of(ports_.begin(), ports_.end(), [](const Attached& attached) {
      return !attached.port || attached.port->closed();
    });
  };
  // A cancelled read completes at once, so this ends; there is no way out but to wait, as the
  // kernel may write into a port's buffers until then.
  while (!all_closed()) {
    WaitAndDispatch(std::nullopt);
    active_.ForEach([this](PortId id) { ports_[id.value].port->Recycle(); });
  }
}

}  // namespace tapswitch
