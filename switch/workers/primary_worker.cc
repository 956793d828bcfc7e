#include "switch/workers/primary_worker.h"

#include <algorithm>
#include <span>
#include <utility>

namespace tapswitch {
namespace {

Ticks Remaining(Tick until, Tick now) {
  return {until.centiseconds - std::min(until, now).centiseconds};
}

}  // namespace

PrimaryWorker::PrimaryWorker(Ring& ring, const Clock& clock, Bridge& bridge, SharedBridge& shared)
    : shared_(shared),
      bridge_(bridge),
      gates_(bridge),
      own_addresses_(bridge),
      housekeeping_(bridge.table()),
      lane_(ring, clock) {
  lane_.set_impairments(impairments_, Lane::HeldFramesRole::kAdmitsAndReleases);
}

PrimaryWorker::~PrimaryWorker() { CloseAll(); }

absl::Status PrimaryWorker::AddPort(std::unique_ptr<Port>& port, PreparedView& view,
                                    Passage passage) {
  shared_.AssertHeld();
  const PortId id = port->identity().id;
  if (absl::Status started = lane_.AddPort(port); !started.ok()) return started;
  if (ports_.size() <= id.value) ports_.resize(id.value + 1U);
  ports_[id.value] = {.port = lane_.port(id), .status = {}};
  bridge_.port_guards().Forget(id);
  gates_.Add(id, passage == Passage::kMasked);
  PutView(view);
  NoticeStatus(id);
  OfferPort(id);
  return absl::OkStatus();
}

void PrimaryWorker::set_flows(FlowOffload* flows) {
  flows_ = flows;
  lane_.set_flows(flows);
}

// A port that is masked has no flows.
void PrimaryWorker::OfferPort(PortId id) {
  if (flows_ == nullptr) return;
  if (gates_.is_masked(id)) return flows_->RemovePort(id);
  flows_->SetPort(*ports_[id.value].port);
}

void PrimaryWorker::NoticeAllPorts() {
  shared_.AssertHeld();
  NoticeAll();
}

void PrimaryWorker::OfferAllPorts() {
  shared_.AssertHeld();
  for (const Attached& attached : ports_) {
    if (attached.port != nullptr) OfferPort(attached.port->identity().id);
  }
}

void PrimaryWorker::RestoreShutDown(PortId id, const ShutDown& why) {
  shared_.AssertHeld();
  gates_.ShutDownPort(id, why);
}

void PrimaryWorker::FollowFlows() {
  if (flows_ != nullptr) flows_->Work(lane_.now());
}

void PrimaryWorker::SetView(PreparedView& view) {
  shared_.AssertHeld();
  PutView(view);
}

void PrimaryWorker::PutView(PreparedView& view) {
  bridge_.SwapView(view);
  const ForwardingView& before = view.view;
  const ForwardingView& now = bridge_.view();
  gates_.FollowView();
  // What was learned was learned in VLANs that frames no longer belong to.
  if (!now.ClassifiesLike(before)) bridge_.table().FlushAll();
  MacTable& table = bridge_.table();
  (now.mirror_destinations() - before.mirror_destinations()).ForEach([&](PortId id) {
    table.FlushPort(id);
  });
  const PortSet listing = now.lists_own_address();
  const PortSet listed = before.lists_own_address();
  ((listing - listed) | (listed - listing)).ForEach([this](PortId id) {
    shared_.AssertHeld();
    UpdateOwnAddress(id);
  });
}

void PrimaryWorker::OpenPort(PortId id) {
  shared_.AssertHeld();
  gates_.SetMasked(id, false);
  OfferPort(id);
  const Attached& attached = ports_[id.value];
  if (on_status_) on_status_(*attached.port);
  if (attached.status.link_up && on_link_state_) on_link_state_(*attached.port, attached.status);
}

void PrimaryWorker::MaskPort(PortId id) {
  shared_.AssertHeld();
  gates_.SetMasked(id, true);
  OfferPort(id);
}

bool PrimaryWorker::IsOpen(PortId id) {
  const LockedBridge bridge(shared_);
  return port(id) != nullptr && !gates_.is_masked(id);
}

void PrimaryWorker::SetAgeing(Ticks ageing) {
  shared_.AssertHeld();
  housekeeping_.SetAgeing(ageing, lane_.now());
}

PortState PrimaryWorker::EffectiveState(PortId id) const {
  shared_.AssertHeld();
  return gates_.state(id);
}

void PrimaryWorker::ClearCounters(PortId id) { lane_.counters(id) = {}; }

void PrimaryWorker::RemovePort(PortId id, std::function<void(std::unique_ptr<Port>)> on_removed) {
  shared_.AssertHeld();
  gates_.SetMasked(id, true);
  OfferPort(id);
  lane_.RemovePort(id, [this, id, on_removed = std::move(on_removed)](std::unique_ptr<Port> port) {
    shared_.AssertHeld();
    Forget(id);
    on_removed(std::move(port));
  });
  NoticeStatus(id);
  lane_.FinishRemovals();
}

void PrimaryWorker::Forget(PortId id) {
  own_addresses_.Set(id, {}, lane_.now());
  gates_.Remove(id);
  ports_[id.value] = {};
}

void PrimaryWorker::OnLinkChange(const LinkEvent& link) {
  shared_.AssertHeld();
  lane_.OnLinkChange(link);
  NoticeAll();
}

void PrimaryWorker::OnLinkAnswer(PortId id, uint16_t generation) {
  shared_.AssertHeld();
  if (!lane_.OnLinkAnswer(id, generation)) return;
  NoticeStatus(id);
  OfferPort(id);  // the kernel's part in it may have begun
  ActOnAlarms();
}

void PrimaryWorker::NoticeAll() {
  for (const Attached& attached : ports_) {
    if (attached.port != nullptr) NoticeStatus(attached.port->identity().id);
  }
  ActOnAlarms();
}

void PrimaryWorker::Run(CommandQueue& commands) {
  const LockedBridge bridge(shared_);
  lane_.AdvanceTime(bridge);
  commands.RunAll();
  ActOnAlarms();
  TellProtocolsOfPorts();
  FollowFlows();
}

void PrimaryWorker::Turn() {
  lane_.Receive(PrepareToWait());
  if (lane_.is_impaired()) SendHeld();
  {
    const LockedBridge bridge(shared_);
    lane_.AdvanceTime(bridge);
    bridge.AnswerCall();
    // Before the frames, whose answers could take all the room there is.
    if (!is_silent_) bridge->TickProtocols(lane_.now(), lane_.originated());
    lane_.Decide(bridge);
  }
  lane_.Send();
  SendRelayed();
  if (lane_.is_impaired()) lane_.SendDue();
  const PortSet& active = lane_.Recycle();
  {
    const LockedBridge bridge(shared_);
    lane_.AdvanceTime(bridge);
    active.ForEach([this](PortId id) {
      shared_.AssertHeld();
      NoticeStatus(id);
    });
    ActOnAlarms();
    lane_.FinishRemovals();
    release_is_due_ |= housekeeping_.Sweep(lane_.now());
    gates_.ActOnTime(lane_.now(), [this](PortId id) { Recover(id); });
    FollowFlows();
  }
  ReleaseIdleMemory();
  lane_.WakeCaptures();
}

// What was held comes before what came in now.
void PrimaryWorker::SendHeld() {
  {
    const LockedBridge bridge(shared_);
    lane_.HoldReceived(bridge->view());
  }
  lane_.SendDue();
  while (lane_.TakeHeld()) {
    {
      const LockedBridge bridge(shared_);
      lane_.AdvanceTime(bridge);
      lane_.DecideHeld(bridge);
    }
    lane_.SendHeld();
  }
}

// The bytes stay in place until the next turn, and so until the writes are out.
void PrimaryWorker::SendRelayed() {
  for (FrameRelay* const relay : relays_) {
    relay->Take([this](PortId to, std::span<const WireFrame> frames) {
      if (Port* const egress = port(to)) return lane_.SendAdmitted(*egress, frames);
      lane_.counters(to).Drop(DropReason::kLinkDown, frames.size());  // it has been removed since
    });
  }
}

std::optional<std::chrono::nanoseconds> PrimaryWorker::PrepareToWait() {
  const LockedBridge bridge(shared_);
  lane_.AdvanceTime(bridge);
  TellProtocolsOfPorts();
  if (flows_ != nullptr) flows_->Follow();
  return Timeout();
}

std::optional<std::chrono::nanoseconds> PrimaryWorker::Timeout() const {
  auto timeout = flows_ != nullptr ? flows_->patience(lane_.now()) : std::nullopt;
  if (const auto deadline = NextDeadline()) {
    const auto left = UntilTick(*deadline, lane_.now());
    timeout = std::min(timeout.value_or(left), left);
  }
  return timeout;
}

// When something is to be done even if nothing happens.
std::optional<Tick> PrimaryWorker::NextDeadline() const {
  std::optional<Tick> next;
  const auto protocols = is_silent_ ? std::nullopt : bridge_.protocols().next_deadline();
  for (const auto& deadline :
       {gates_.next_deadline(), housekeeping_.next_deadline(lane_.now()), protocols, wake_by_}) {
    if (deadline) next = std::min(next.value_or(*deadline), *deadline);
  }
  return next;
}

void PrimaryWorker::ActOnAlarms() {
  AlarmLog& log = bridge_.port_guards().alarms();
  for (const Alarm& alarm : log.alarms()) {
    const bool is_there = ports_[alarm.port.value].port != nullptr;
    if (!is_there || (alarm.shut_down && gates_.shut_down(alarm.port))) continue;  // no news
    ++lane_.counters(alarm.port).alarms[static_cast<size_t>(alarm.kind)];
    if (alarm.shut_down) {
      ShutDown why{.cause = alarm.kind, .until = {}};
      if (alarm.recovery != Ticks{0}) why.until = lane_.now() + alarm.recovery;
      gates_.ShutDownPort(alarm.port, why);
      bridge_.table().FlushPort(alarm.port);
    }
    if (on_alarm_) on_alarm_(alarm);
  }
  log.Clear();
  if (on_protocols_) on_protocols_(lane_.now());
}

bool PrimaryWorker::Recover(PortId id) {
  shared_.AssertHeld();
  if (port(id) == nullptr || !gates_.Recover(id)) return false;
  bridge_.port_guards().Forget(id);
  if (on_recovery_) on_recovery_(id);
  return true;
}

PortStatus PrimaryWorker::StatusOf(const Attached& attached) {
  PortStatus status = attached.port->status();
  if (!attached.is_off_by_hand) return status;
  status.link_up = false;
  status.reason = "carrier off by hand";
  return status;
}

void PrimaryWorker::SetCarrier(PortId id, bool is_on) {
  shared_.AssertHeld();
  if (port(id) == nullptr) return;
  ports_[id.value].is_off_by_hand = !is_on;
  NoticeStatus(id);
  ActOnAlarms();
}

void PrimaryWorker::NoticeStatus(PortId id) {
  Attached& attached = ports_[id.value];
  const PortStatus status = StatusOf(attached);
  if (status == attached.status) return;
  const bool changed = gates_.SetLink(id, status.link_up);
  if (changed && !status.link_up) bridge_.table().FlushPort(id);
  // A port that was down may lose its interface, too.
  const bool lost = !status.link_up && status.ifindex == 0 && attached.status.ifindex != 0;
  if ((changed || lost) && on_link_state_ && !gates_.is_masked(id)) {
    on_link_state_(*attached.port, status);
  }
  attached.status = status;
  OfferPort(id);
  UpdateOwnAddress(id);
  if (on_status_) on_status_(*attached.port);
}

// The host is kept out of what a guest holds, so nothing waits for frames to its address.
void PrimaryWorker::UpdateOwnAddress(PortId id) {
  if (port(id) == nullptr) return;
  const PortStatus& status = ports_[id.value].status;
  const bool has_own = bridge_.view().lists_own_address().contains(id) && !status.is_guests;
  own_addresses_.Set(id, has_own ? status.address : MacAddress{}, lane_.now());
}

// Protocols that are silent are told when they are not any more: ports that are closed because
// another process forwards are not ports that have gone.
void PrimaryWorker::TellProtocolsOfPorts() {
  if (is_silent_) return;
  const bool is_changed = gates_.TakeChanged();
  if (bridge_.TakeProtocolGates() || is_changed) bridge_.TellProtocols();
}

SwitchSnapshot PrimaryWorker::Snapshot() const {
  shared_.AssertHeld();
  SwitchSnapshot snapshot;
  const MacTable& table = bridge_.table();
  for (const Attached& attached : ports_) {
    if (attached.port == nullptr) continue;
    const PortIdentity& identity = attached.port->identity();
    snapshot.ports.push_back({
        .id = identity.id,
        .name = identity.name,
        .status = attached.status,
        .state = gates_.state(identity.id),
        .learned = table.learned(identity.id),
        .mcast_groups = bridge_.groups().rows(identity.id),
        .shut_down = gates_.shut_down(identity.id),
    });
    PortSnapshot& shown = snapshot.ports.back();
    shown.details = attached.port->details();
    if (shown.shut_down && shown.shut_down->until) {
      shown.recovers_in = Remaining(*shown.shut_down->until, lane_.now());
    }
  }
  snapshot.table = {.entries = table.size(),
                    .learned = table.learned(),
                    .capacity = table.capacity(),
                    .evicted = table.evictions()};
  snapshot.Add(lane_.Snapshot());
  return snapshot;
}

void PrimaryWorker::ReleaseIdleMemory() {
  if (!release_is_due_ || !lane_.ReleaseIdleMemory()) return;
  release_is_due_ = false;
  if (on_release_) on_release_();
}

}  // namespace tapswitch
