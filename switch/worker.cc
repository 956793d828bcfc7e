#include "switch/worker.h"

#include <algorithm>
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
         (a.operation == Operation::kReadiness) == (b.operation == Operation::kReadiness);
}

}  // namespace

Worker::Worker(Ring& ring, const Clock& clock, Bridge& bridge)
    : ring_(ring), clock_(clock), bridge_(bridge), now_(clock.Now()) {}

Worker::~Worker() { CloseAll(); }

absl::Status Worker::AddPort(std::unique_ptr<Port> port) {
  const PortId id = port->identity().id;
  if (absl::Status started = port->Start(ring_); !started.ok()) return started;
  if (ports_.size() <= id.value) ports_.resize(id.value + 1U);
  egress_.AddPort(id);
  ports_[id.value] = {.port = std::move(port), .status = {}};
  NoticeStatus(ports_[id.value]);
  view_is_stale_ = true;
  return absl::OkStatus();
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
  if (std::exchange(view_is_stale_, false)) RebuildView();
  WaitAndDispatch(Timeout());
  if (!batch_.empty()) Forward();
  active_.ForEach([this](PortId id) {
    ports_[id.value].port->Recycle();
    NoticeStatus(ports_[id.value]);
  });
  Age();
}

std::optional<std::chrono::nanoseconds> Worker::Timeout() const {
  constexpr std::chrono::milliseconds kCentisecond(10);
  if (sweeping_) return std::chrono::nanoseconds(0);
  if (bridge_.table().size() == 0) return std::nullopt;
  if (next_sweep_ <= now_) return std::chrono::nanoseconds(0);
  return kCentisecond * static_cast<int64_t>(next_sweep_.centiseconds - now_.centiseconds);
}

void Worker::WaitAndDispatch(std::optional<std::chrono::nanoseconds> timeout) {
  batch_.clear();
  active_ = {};
  // Interrupted or timed out, there may be completions all the same; and where there are none, the
  // turn simply has nothing to do.
  static_cast<void>(ring_.SubmitAndWait(timeout));
  now_ = clock_.Now();
  static_assert(kMaxReap <= FrameBatch::kCapacity, "what is reaped fits in a batch");
  auto completions = ring_.Reap();
  while (!completions.empty()) {
    const Tag& tag = completions.front().tag;
    const auto end = std::find_if_not(completions.begin(), completions.end(),
                                      [&](const auto& c) { return SameAddressee(c.tag, tag); });
    const auto length = static_cast<size_t>(end - completions.begin());
    DispatchRun(completions.first(length));
    completions = completions.subspan(length);
  }
}

void Worker::DispatchRun(std::span<const Completion> run) {
  const Tag& tag = run.front().tag;
  if (tag.operation == Operation::kReadiness) {
    for (const Completion& completion : run) on_readiness_(completion.tag.slot);
    return;
  }
  Port* port = Addressee(tag);
  if (port == nullptr) return;  // it has been removed since
  port->OnCompletions(run, batch_);
  active_.insert(tag.port);
}

Port* Worker::Addressee(const Tag& tag) {
  Port* found = port(tag.port);
  return found != nullptr && found->identity().generation == tag.generation ? found : nullptr;
}

void Worker::Forward() {
  bridge_.Process(batch_.frames(), now_, egress_);
  builder_.Begin(batch_.frames());
  egress_.used().ForEach([this](PortId id) { SendFrom(id); });
  egress_.Clear();
}

void Worker::SendFrom(PortId id) {
  Attached& to = ports_[id.value];
  for (const EgressFrame copy : egress_.of(id)) Append(copy, to);
  HandOver(*to.port);
}

void Worker::Append(EgressFrame copy, Attached& to) {
  const EgressLimits limits{.accepted = to.status.accepted, .mtu = to.status.mtu};
  auto result = builder_.Append(copy, limits);
  if (result == EgressBuilder::Result::kNoRoom) {
    HandOver(*to.port);
    ring_.Submit();
    builder_.ClearScratch();
    result = builder_.Append(copy, limits);
  }
  if (result == EgressBuilder::Result::kAppended) return;
  to.port->identity().counters->Drop(result == EgressBuilder::Result::kTooLong
                                         ? DropReason::kTooLong
                                         : DropReason::kUnsegmentable);
}

void Worker::HandOver(Port& port) {
  if (!builder_.frames().empty()) port.Send(builder_.frames());
  builder_.ClearFrames();
}

void Worker::NoticeStatus(Attached& attached) {
  const PortStatus& status = attached.port->status();
  if (status == attached.status) return;
  if (status.link_up != attached.status.link_up) {
    view_is_stale_ = true;
    if (!status.link_up) bridge_.table().FlushPort(attached.port->identity().id);
  }
  attached.status = status;
}

void Worker::RebuildView() {
  std::vector<PortForwarding> ports;
  for (const Attached& attached : ports_) {
    if (!attached.port) continue;
    ports.push_back({
        .id = attached.port->identity().id,
        .state = attached.status.link_up ? PortState::kForwarding : PortState::kDisabled,
    });
  }
  bridge_.SetView(ForwardingView(ports));
}

void Worker::Age() {
  MacTable& table = bridge_.table();
  if (!sweeping_ && (next_sweep_ > now_ || table.size() == 0)) return;
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
