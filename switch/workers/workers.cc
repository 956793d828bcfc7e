#include "switch/workers/workers.h"

#include <future>
#include <memory>
#include <new>
#include <utility>

#include "switch/workers/relay_port.h"

namespace tapswitch {
namespace {

// Has `owner`, a worker or a lane, remove a port, and destroys it here.
template <typename Owner>
void TakeOut(CommandQueue& commands, Owner& owner, PortId id) {
  // Shared, as the worker may still be leaving it when this thread has its result.
  const auto removed = std::make_shared<std::promise<std::unique_ptr<Port>>>();
  auto port = removed->get_future();
  commands.Post([&owner, id, removed] {
    owner.RemovePort(
        id, [removed](std::unique_ptr<Port> closed) { removed->set_value(std::move(closed)); });
  });
  port.get().reset();
}

}  // namespace

Workers::Workers(CommandQueue& commands, PrimaryWorker& primary, const Bridge& bridge,
                 BridgeProtocols& protocols)
    : commands_(commands),
      primary_(primary),
      bridge_(bridge),
      protocols_(protocols),
      impairments_(primary.impairments()) {}

// Its thread calls nothing of this before its first command.
void Workers::Introduce(SecondaryWorker& secondary) {
  primary_.SendFor(secondary.relay());
  impairments_.set_wake([this] { commands_.Post([] {}); });
  secondary.commands().Post([this, &lane = secondary.lane()] {
    lane.set_impairments(impairments_, Lane::HeldFramesRole::kAdmits);
    lane.set_impaired(impairments_.ports());
  });
}

void Workers::Add(std::unique_ptr<SecondaryWorker> secondary) {
  Introduce(*secondary);
  secondaries_.push_back(std::move(secondary));
}

void Workers::ShareBy(PortSharing::Options options) {
  sharing_.emplace(std::move(options), commands_, primary_, secondaries_);
}

void Workers::Grow(absl::StatusOr<std::unique_ptr<SecondaryWorker>> secondary) {
  commands_.Call([&] {
    const bool is_there = secondary.ok();
    if (is_there) {
      ShareAllWith(**secondary);
      secondaries_.push_back(*std::move(secondary));
    }
    sharing_->OnWorkerStarted(is_there);
  });
}

// Changes that come after this reach the new worker after it has the ports.
void Workers::ShareAllWith(SecondaryWorker& secondary) {
  Introduce(secondary);
  secondary.commands().Post([&lane = secondary.lane()] { lane.MeasureLoad(); });
  primary_.lane().ForEachPort([&](const Port& port) {
    // Shared, as a function that is posted can be copied.
    const auto share = std::make_shared<std::unique_ptr<Port>>(ShareOf(port, secondary));
    secondary.commands().Post([&lane = secondary.lane(), &relay = secondary.relay(), share] {
      const PortIdentity identity = (*share)->identity();
      const PortStatus status = (*share)->status();
      if (lane.AddPort(*share).ok()) return;
      *share = std::make_unique<RelayPort>(identity, relay);
      (*share)->OnFirstQueueStatus(status);
      static_cast<void>(lane.AddPort(*share));
    });
  });
  for (CapturePoint* const capture : captures_) {
    secondary.commands().Post([&lane = secondary.lane(), capture] { lane.AddCapture(*capture); });
  }
}

// By the primary's thread.
std::unique_ptr<Port> Workers::ShareOf(const Port& port, SecondaryWorker& secondary) {
  PortIdentity identity = port.identity();
  identity.counters = &secondary.lane().counters(identity.id);
  std::unique_ptr<Port> share = port.Share(identity);
  if (!share) share = std::make_unique<RelayPort>(identity, secondary.relay());
  share->OnFirstQueueStatus(port.status());  // what has changed by then follows
  return share;
}

void Workers::OnLinkChange(const LinkEvent& link) {
  for (const auto& secondary : secondaries_) {
    secondary->commands().Post([&lane = secondary->lane(), link] { lane.OnLinkChange(link); });
  }
}

void Workers::OnLinkAnswer(PortId id, uint16_t generation) {
  for (const auto& secondary : secondaries_) {
    secondary->commands().Post([&lane = secondary->lane(), id, generation] {
      static_cast<void>(lane.OnLinkAnswer(id, generation));
    });
  }
}

void Workers::OnPortStatus(const Port& port) {
  const PortId id = port.identity().id;
  protocols_.OnLinkSpeed(id, port.status().speed);
  for (const auto& secondary : secondaries_) {
    secondary->commands().Post([&lane = secondary->lane(), id, status = port.status()] {
      if (Port* const queue = lane.port(id)) queue->OnFirstQueueStatus(status);
    });
  }
}

// One that is too busy to do it now does it the next time.
void Workers::OnRelease() {
  for (const auto& secondary : secondaries_) {
    secondary->commands().Post(
        [&lane = secondary->lane()] { static_cast<void>(lane.ReleaseIdleMemory()); });
  }
}

void Workers::OfferFlows(FlowOffload& flows) {
  flows_ = &flows;
  primary_.set_flows(&flows);
  flows.set_on_pending([this](PortId port) { OnPendingFlow(port); });
  commands_.set_after_call([&flows] { flows.Follow(); });
}

// What a queue has lost is known to its own worker only. A single worker looks by itself.
void Workers::OnPendingFlow(PortId id) {
  if (secondaries_.empty()) return;
  commands_.Post([this, id] { primary_.lane().AccountFor(id); });
  for (const auto& secondary : secondaries_) {
    secondary->commands().Post([&lane = secondary->lane(), id] { lane.AccountFor(id); });
  }
}

void Workers::StopSecondaries() {
  for (const auto& secondary : secondaries_) stopped_.push_back(secondary->Stop());
  secondaries_.clear();
}

SwitchSnapshot Workers::LastSnapshot() const {
  SwitchSnapshot snapshot = primary_.Snapshot();
  for (const LaneSnapshot& lane : stopped_) snapshot.Add(lane);
  if (flows_ != nullptr) snapshot.Add(flows_->traffic().Read());
  return snapshot;
}

std::vector<PortIdentity> Workers::Identities(const PortIdentity& identity) {
  std::vector<PortIdentity> identities{identity};
  identities.front().counters = &primary_.lane().counters(identity.id);
  if (sharing_) return identities;
  for (const auto& secondary : secondaries_) {
    identities.push_back(identity);
    identities.back().counters = &secondary->lane().counters(identity.id);
  }
  return identities;
}

void Workers::ClearCounters(PortId id) {
  commands_.Call([&] { primary_.ClearCounters(id); });
  for (const auto& secondary : secondaries_) {
    secondary->commands().Call([&] { secondary->lane().counters(id) = {}; });
  }
  if (flows_ != nullptr) flows_->traffic().Clear(id);
}

absl::Status Workers::AddPort(std::vector<std::unique_ptr<Port>> queues,
                              const PortForwarding& forwarding) {
  const bool is_open = secondaries_.empty() && !is_standby_;
  const auto passage = is_open ? PrimaryWorker::Passage::kOpen : PrimaryWorker::Passage::kMasked;
  if (is_standby_) {
    for (const auto& queue : queues) static_cast<void>(queue->Pause());
  }
  const PortIdentity identity = queues.front()->identity();
  views_.Set(forwarding);
  PreparedView view = views_.Build(bridge_);
  PortStatus status;
  absl::Status added = commands_.Call([&] {
    absl::Status started = primary_.AddPort(queues.front(), view, passage);
    if (started.ok()) status = primary_.port(identity.id)->status();
    return started;
  });
  if (!added.ok()) views_.Remove(identity.id);
  if (!added.ok() || secondaries_.empty()) return added;
  for (size_t i = 0; i < secondaries_.size(); ++i) {
    SecondaryWorker& secondary = *secondaries_[i];
    std::unique_ptr<Port> queue;
    if (i + 1 < queues.size()) {
      queue = std::move(queues[i + 1]);
      queue->OnFirstQueueStatus(status);  // what has changed by then follows at the opening
    } else {
      queue = commands_.Call([&] { return ShareOf(*primary_.port(identity.id), secondary); });
    }
    absl::Status started =
        secondary.commands().Call([&] { return secondary.lane().AddPort(queue); });
    if (started.ok()) continue;
    RemoveFrom(std::span(secondaries_).first(i), identity.id);
    TakeOut(commands_, primary_, identity.id);
    views_.Remove(identity.id);
    UpdateView();
    return started;
  }
  if (!is_standby_) commands_.Call([&] { primary_.OpenPort(identity.id); });
  return absl::OkStatus();
}

void Workers::RemovePort(PortId id) {
  const bool is_there = commands_.Call([&] {
    if (primary_.port(id) == nullptr) return false;
    if (!secondaries_.empty()) primary_.MaskPort(id);
    return true;
  });
  if (!is_there) return;
  RemoveFrom(secondaries_, id);
  TakeOut(commands_, primary_, id);
  views_.Remove(id);
  UpdateView();
}

absl::StatusOr<Workers::Impaired> Workers::MakeImpaired(const ImpairmentPlan& plan) {
  if (!plan.is_on()) return nullptr;
  try {
    return std::make_unique<ImpairedDirection>(plan, Impairments::Now());
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        "impair: there is no memory for the frames that are to be held: set a smaller limit");
  }
}

void Workers::SetImpairment(PortId id, PortDirection direction, Impaired impaired) {
  impairments_.Set(id, direction, std::move(impaired));
  TellOfImpairments();
}

void Workers::ForgetImpairments(PortId id) {
  impairments_.Forget(id);
  TellOfImpairments();
}

void Workers::TellOfImpairments() {
  const Impairments::Ports ports = impairments_.ports();
  commands_.Call([&] { primary_.lane().set_impaired(ports); });
  for (const auto& secondary : secondaries_) {
    secondary->commands().Call([&] { secondary->lane().set_impaired(ports); });
  }
}

void Workers::SetForwarding(const PortForwarding& forwarding) {
  if (!views_.has(forwarding.id)) return;
  views_.Set(forwarding);
  UpdateView();
}

void Workers::SetForwarding(const BridgeForwarding& forwarding) {
  views_.Set(forwarding);
  UpdateView();
}

void Workers::SetMirrors(std::vector<MirrorForwarding> mirrors) {
  views_.Set(std::move(mirrors));
  UpdateView();
}

// Of two calls, the turn in between has submitted what was queued. The primary comes last, as it
// sends what the others relay.
void Workers::AwaitSent() {
  const auto await_turn = [](CommandQueue& commands) {
    commands.Call([] {});
    commands.Call([] {});
  };
  for (const auto& secondary : secondaries_) await_turn(secondary->commands());
  await_turn(commands_);
}

void Workers::SetCapturing(bool capturing) {
  views_.SetCapturing(capturing);
  UpdateView();
}

// The view is built, and the one before is freed, by the calling thread.
void Workers::UpdateView() {
  PreparedView view = views_.Build(bridge_);
  commands_.Call([&] { primary_.SetView(view); });
}

void Workers::RemoveFrom(std::span<const std::unique_ptr<SecondaryWorker>> secondaries, PortId id) {
  for (const auto& secondary : secondaries) TakeOut(secondary->commands(), secondary->lane(), id);
}

// The view says that frames are observed before any is shown, and until the last one was.
void Workers::AddCapture(CapturePoint& capture) {
  captures_.push_back(&capture);
  if (captures_.size() == 1) SetCapturing(true);
  commands_.Call([&] { primary_.AddCapture(capture); });
  for (const auto& secondary : secondaries_) {
    secondary->commands().Call([&] { secondary->lane().AddCapture(capture); });
  }
}

void Workers::RemoveCapture(CapturePoint& capture) {
  for (const auto& secondary : secondaries_) {
    secondary->commands().Call([&] { secondary->lane().RemoveCapture(capture); });
  }
  commands_.Call([&] { primary_.RemoveCapture(capture); });
  std::erase(captures_, &capture);
  if (captures_.empty()) SetCapturing(false);
}

// The others come after the primary: whoever is told that a link is up knows that all have heard of
// it.
SwitchSnapshot Workers::Snapshot() {
  SwitchSnapshot snapshot = commands_.Call([&] { return SnapshotOfPrimary(); });
  AddSecondaries(snapshot);
  if (flows_ != nullptr) snapshot.Add(flows_->traffic().Read());
  for (PortSnapshot& port : snapshot.ports) port.impairments = impairments_.Snapshot(port.id);
  return snapshot;
}

SwitchSnapshot Workers::SnapshotByPrimary() {
  SwitchSnapshot snapshot = SnapshotOfPrimary();
  AddSecondaries(snapshot);
  return snapshot;
}

SwitchSnapshot Workers::SnapshotOfPrimary() const {
  SwitchSnapshot snapshot = primary_.Snapshot();
  snapshot.protocols = protocols_.Snapshot(primary_.lane().now());
  return snapshot;
}

void Workers::AddSecondaries(SwitchSnapshot& snapshot) {
  for (const auto& secondary : secondaries_) {
    snapshot.Add(secondary->commands().Call([&] { return secondary->lane().Snapshot(); }));
  }
}

absl::Status Workers::CallOnEach(const std::function<absl::Status()>& step) {
  if (absl::Status status = commands_.Call(step); !status.ok()) return status;
  for (const auto& secondary : secondaries_) {
    if (absl::Status status = secondary->commands().Call(step); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace tapswitch
