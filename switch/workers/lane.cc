#include "switch/workers/lane.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "ports/os/check.h"

namespace tapswitch {
namespace {

bool SameAddressee(const Tag& a, const Tag& b) {
  return a.port == b.port && a.generation == b.generation &&
         (a.operation == Operation::kReadiness) == (b.operation == Operation::kReadiness) &&
         (a.operation == Operation::kPoll) == (b.operation == Operation::kPoll);
}

}  // namespace

Lane::Lane(Ring& ring, const Clock& clock)
    : ring_(ring),
      poller_(ring, {.has_some = [this] { return HasSilentInput(); },
                     .await = [this] { return AwaitSilentInput(); }}),
      clock_(clock),
      counters_(kMaxPorts),
      now_(clock.Now()) {}

Lane::~Lane() { CloseAll(); }

absl::Status Lane::AddPort(std::unique_ptr<Port>& port) {
  const PortId id = port->identity().id;
  TAPSWITCH_CHECK(id.value < kMaxPorts && this->port(id) == nullptr);
  if (absl::Status started = port->Start(ring_); !started.ok()) return started;
  if (ports_.size() <= id.value) ports_.resize(id.value + 1U);
  egress_.AddPort(id);
  ports_[id.value] = std::move(port);
  NoteRetry(*ports_[id.value]);
  return absl::OkStatus();
}

void Lane::RemovePort(PortId id, OnRemoved on_removed) {
  TAPSWITCH_CHECK(port(id) != nullptr);
  paced_.erase(id);
  told_to_pause_.erase(id);
  removals_.push_back({.id = id, .on_removed = std::move(on_removed)});
  ports_[id.value]->BeginClose();
}

void Lane::FinishRemovals() {
  std::erase_if(removals_, [this](Removal& removal) {
    std::unique_ptr<Port>& port = ports_[removal.id.value];
    if (!port->closed()) return false;
    port->Detach();
    removal.on_removed(std::move(port));
    return true;
  });
}

void Lane::OnLinkChange(const LinkEvent& link) {
  for (const auto& port : ports_) {
    if (!port) continue;
    port->OnLinkChange(link);
    NoteRetry(*port);
  }
}

bool Lane::OnLinkAnswer(PortId id, uint16_t generation) {
  Port* const asker = port(id);
  if (asker == nullptr || asker->identity().generation != generation) return false;
  asker->OnLinkAnswer();
  NoteRetry(*asker);
  return true;
}

Port* Lane::port(PortId id) const {
  return id.value < ports_.size() ? ports_[id.value].get() : nullptr;
}

// Interrupted or timed out, there may be completions all the same; and where there are none, the
// turn simply has nothing to do.
void Lane::Wait(std::optional<std::chrono::nanoseconds> timeout) {
  constexpr std::chrono::nanoseconds kOnlyLook(0);
  const bool is_read_out = std::any_of(pausing_.begin(), pausing_.end(),
                                       [](const Pausing& one) { return one.is_read_out; });
  if (!readable_.empty() || is_read_out) timeout = kOnlyLook;
  if (!retrying_.empty()) {
    const auto left = UntilTick(retry_at_, now_);
    timeout = std::min(timeout.value_or(left), left);
  }
  if (!paced_.empty()) {
    const auto left = UntilTick(paced_until_, now_);
    timeout = std::min(timeout.value_or(left), left);
  }
  if (releases_held_) {
    if (const auto left = UntilRelease()) timeout = std::min(timeout.value_or(*left), *left);
  }
  static_cast<void>(poller_.Wait(timeout));
  if (!silent_.empty()) static_cast<void>(HasSilentInput());
}

void Lane::Receive(std::optional<std::chrono::nanoseconds> timeout) {
  batch_.clear();
  Wait(timeout);
  ConfirmSent();
  active_ = {};
  const Tick before = std::exchange(now_, clock_.Now());
  if (measures_load_ && now_ != before) PublishLoad();
  originated().Clear();
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
  if (!retrying_.empty() && retry_at_ <= now_) RetryPorts();
  if (!paced_.empty() && paced_until_ <= now_) ResumePaced();
  if (!readable_.empty()) ReadSockets();
  if (hears_bpdus_ && lost_bpdus_at_ <= now_) ReceiveLostBpdus();
  if (!pausing_.empty()) FinishPauses();
  if (!captures_.empty()) CaptureReceived();
  if (!batch_.empty()) poller_.OnFrames();
}

void Lane::PublishLoad() {
  uint64_t work = 0;
  ForEachPort(
      [&](const Port& port) { work += LaneLoad::WorkOf(counters_[port.identity().id.value]); });
  load_.work.store(work, std::memory_order_relaxed);
}

void Lane::NoteRetry(const Port& port) {
  if (!port.wants_retry()) return;
  if (retrying_.empty()) retry_at_ = now_ + kRetryInterval;
  retrying_.insert(port.identity().id);
}

void Lane::RetryPorts() {
  std::exchange(retrying_, {}).ForEach([this](PortId id) {
    Port* const found = port(id);
    if (found == nullptr) return;  // it has been removed since
    found->Retry();
    active_.insert(id);
    readable_.insert(id);
  });
}

// Another port comes first each turn, as the batch may fill up.
void Lane::ReadSockets() {
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

void Lane::ReadSocket(PortId id) {
  Port* const reader = port(id);
  if (reader != nullptr) active_.insert(id);
  if (reader != nullptr && reader->Receive(batch_)) return;
  readable_.erase(id);
  if (reader != nullptr && reader->is_silent()) silent_.insert(id);
}

void Lane::DispatchRun(std::span<const Completion> run) {
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

Port* Lane::Addressee(const Tag& tag) const {
  Port* found = port(tag.port);
  return found != nullptr && found->identity().generation == tag.generation ? found : nullptr;
}

void Lane::Decide(const LockedBridge& bridge) {
  AdvanceTime(bridge);
  if (batch_.empty()) return;
  const size_t size = batch_.frames().size();
  ++loop_.batch_sizes[static_cast<size_t>(std::bit_width(size - 1))];
  loop_.frames += size;
  bridge->Process(batch_.frames(), now_, egress_, counters_);
  hears_bpdus_ = bridge->protocols().wants_reserved();
  if (hears_bpdus_) PaceBpdus();
  if (flows_ != nullptr) flows_->OnBatch(batch_.frames(), active_, ports_, flow_samples_, now_);
  joining_ = bridge->view().joining();
}

void Lane::Send() {
  if (!batch_.empty()) {
    LimitFlooding();
    SendCopies(batch_.frames());
  }
  SendOriginated();
}

void Lane::SendCopies(std::span<const Frame> frames) {
  builder_.Begin(frames, egress_.receivers());
  egress_.used().ForEach([this](PortId id) { SendFrom(id); });
  egress_.Clear();
}

void Lane::LimitFlooding() {
  receive_limits_.Update(batch_.frames(), egress_, now_).ForEach([this](PortId id) {
    if (Port* const from = port(id)) from->LimitReceiving(receive_limits_.of(id));
  });
}

void Lane::SendFrom(PortId id) {
  TAPSWITCH_CHECK(port(id) != nullptr);  // what is in the view has a queue here
  Port& to = *ports_[id.value];
  const EgressLimits limits = LimitsOf(id, to.status());
  auto copies = egress_.of(id);
  while (!copies.empty()) {
    const size_t together = CopiesOfOneVlan(id, copies);
    const VlanId vlan{copies.front().tag.vid()};
    for (auto some = copies.first(together); !some.empty();) {
      some = some.subspan(Append(some, limits, to));
    }
    copies = copies.subspan(together);
    HandOver(to, vlan);
  }
}

// Returns how many copies from the front have been seen to.
size_t Lane::Append(std::span<const EgressFrame> copies, const EgressLimits& limits, Port& to) {
  auto appended = builder_.Append(copies, limits);
  if (appended.result == EgressBuilder::Result::kNoRoom) {
    HandOver(to, VlanId{copies.front().tag.vid()});
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
    flow_samples_.NoteJoined(copies.first(count));
  }
  return count;
}

void Lane::HandOver(Port& port, VlanId vlan) {
  if (!captures_.empty()) CaptureSent(port.identity().id, builder_.frames());
  if (!builder_.frames().empty()) SendBy(port, builder_.frames(), vlan);
  builder_.ClearFrames();
}

void Lane::SendBy(Port& port, std::span<const WireFrame> frames, VlanId vlan) {
  if (is_impaired_ && impaired_.egress.contains(port.identity().id)) [[unlikely]]
    return HoldSent(port, frames, vlan);
  SendAdmitted(port, frames);
}

void Lane::SendAdmitted(Port& port, std::span<const WireFrame> frames) {
  port.Send(frames);
  NoteRetry(port);
}

void Lane::SendOriginated() {
  for (const OriginatedFrames::Copy& copy : originated().copies()) {
    Port* const egress = port(copy.egress);
    if (egress == nullptr) continue;  // it has been removed since
    const WireFrame frame{.pieces = {&copy.wire, 1}, .size = copy.wire.size - kVirtioNetHeaderSize};
    if (!captures_.empty()) CaptureSent(copy.egress, {&frame, 1});
    SendBy(*egress, {&frame, 1});
  }
}

const PortSet& Lane::Recycle() {
  active_.ForEach([this](PortId id) {
    ports_[id.value]->Recycle();
    NoteRetry(*ports_[id.value]);
  });
  HandOverFlows();
  return active_;
}

// The frames that the last turn received are sent now, as the ring has submitted.
void Lane::ConfirmSent() {
  if (flows_ == nullptr) return;
  active_.ForEach([this](PortId id) {
    if (Port* const received = port(id)) received->OnSent();
  });
}

// Pending flows wait for that. A frame of theirs that comes next would find this turn unfinished.
void Lane::HandOverFlows() {
  if (flows_ == nullptr || active_.empty() || !flows_->has_pending()) return;
  ring_.Submit();
  active_.ForEach([this](PortId id) { AccountFor(id); });
}

void Lane::AccountFor(PortId id) const {
  Port* const received = port(id);
  if (received == nullptr) return;
  received->RefreshCounters();
  received->OnSent();
}

bool Lane::ReleaseIdleMemory() {
  if (!ring_.is_drained()) return false;
  for (const auto& port : ports_) {
    if (port) port->ReleaseIdleMemory();
  }
  return true;
}

void Lane::CloseAll() {
  for (const auto& port : ports_) {
    if (port && !port->closed()) port->BeginClose();
  }
  const auto all_closed = [this] {
    return std::all_of(ports_.begin(), ports_.end(),
                       [](const auto& port) { return !port || port->closed(); });
  };
  // A cancelled read completes at once, so this ends; there is no way out but to wait, as the
  // kernel may write into a port's buffers until then.
  while (!all_closed()) {
    Receive(std::nullopt);
    Recycle();
  }
}

LaneSnapshot Lane::Snapshot() const {
  LaneSnapshot snapshot{.loop = loop_};
  snapshot.loop.busy_seconds = ThreadCpuSeconds();
  snapshot.loop.ring_overflows = ring_.overflows();
  snapshot.loop.polls = poller_.counters();
  for (const auto& port : ports_) {
    if (!port) continue;
    port->RefreshCounters();
    const PortId id = port->identity().id;
    snapshot.counters.push_back({.id = id, .counters = counters_[id.value]});
  }
  return snapshot;
}

}  // namespace tapswitch
