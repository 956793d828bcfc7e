#include "ports/vhost_user/vhost_port.h"

#include <string>

#include "spdlog/spdlog.h"

namespace tapswitch {

VhostPort::VhostPort(PortIdentity identity, std::shared_ptr<VhostBackend> backend,
                     const std::vector<size_t>& own, BufferMemory memory)
    : identity_(std::move(identity)),
      backend_(std::move(backend)),
      memory_(std::move(memory)),
      arena_(memory_.bytes()) {
  for (const size_t number : own) {
    pairs_.push_back({.queues = backend_->pairs()[number].get(),
                      .doorbell = std::nullopt,
                      .kick = nullptr,
                      .kick_tag = std::nullopt});
  }
  TakeLink(pairs_.front().queues->link());
}

Tag VhostPort::NextTag() {
  constexpr uint32_t kSlotMask = 0xFFFFFF;
  return {.operation = Operation::kPoll,
          .port = identity_.id,
          .generation = identity_.generation,
          .slot = ++watches_ & kSlotMask};
}

absl::StatusOr<Tag> VhostPort::Watch(int fd) {
  const Tag tag = NextTag();
  absl::Status watched = ring_->Watch(fd, tag);
  if (!watched.ok()) return watched;
  return tag;
}

absl::Status VhostPort::Start(Ring& ring) {
  ring_ = &ring;
  for (Pair& pair : pairs_) {
    const auto watched = Watch(pair.queues->doorbell().fd());
    if (!watched.ok()) {
      BeginClose();
      closing_ = false;
      ring_ = nullptr;
      return watched.status();
    }
    pair.doorbell = *watched;
    Refresh(pair);
  }
  return absl::OkStatus();
}

void VhostPort::OnCompletions(std::span<const Completion> completions, FrameBatch& /*received*/) {
  for (const Completion& completion : completions) {
    for (Pair& pair : pairs_) {
      if (completion.tag == pair.doorbell) {
        pair.queues->doorbell().Clear();
        Refresh(pair);
      } else if (completion.tag == pair.kick_tag) {
        pair.queues->CountKick();
      }
    }
  }
}

void VhostPort::Refresh(Pair& pair) {
  if (&pair == &pairs_.front()) TakeLink(pair.queues->link());
  WatchKick(pair);
}

// The file stays open here until it is watched no more.
void VhostPort::WatchKick(Pair& pair) {
  SharedFile kick = pair.queues->kick();
  if (kick == pair.kick) return;
  if (pair.kick_tag) ring_->Unwatch(pair.kick->get(), *pair.kick_tag);
  pair.kick_tag.reset();
  pair.kick.reset();
  if (kick == nullptr) return;
  const auto watched = Watch(kick->get());
  if (!watched.ok()) {
    starved_ = true;
    return;
  }
  pair.kick_tag = *watched;
  pair.kick = std::move(kick);
}

void VhostPort::TakeLink(const VhostLink& link) {
  const bool was_up = std::exchange(status_.link_up, link.is_up);
  status_.reason = link.reason;
  status_.mtu = link.mtu;
  status_.accepted = link.accepted;
  if (was_up == link.is_up || !is_first()) return;
  if (link.is_up) {
    spdlog::info("port {}: up, its guest runs", identity_.name);
  } else {
    spdlog::info("port {}: down: {}", identity_.name, link.reason);
  }
}

// Another pair comes first each turn, as the memory of a turn may not do for all.
bool VhostPort::Receive(FrameBatch& received) {
  if (closing_ || pause_wanted_) return false;
  arena_.Clear();
  is_silent_ = true;
  bool more = false;
  const size_t before = received.room();
  for (size_t i = 0; i < pairs_.size(); ++i) {
    const size_t taken = before - received.room();
    QueuePair& queues = *pairs_[(first_ + i) % pairs_.size()].queues;
    const size_t limit = taken < limit_ ? limit_ - taken : 0;
    more = queues.Receive(identity_, limit, arena_, received) || more;
  }
  if (++first_ == pairs_.size()) first_ = 0;
  return more;
}

bool VhostPort::HasInput() {
  if (closing_ || pause_wanted_) return false;
  return std::any_of(pairs_.begin(), pairs_.end(),
                     [](const Pair& pair) { return pair.queues->HasInput(); });
}

bool VhostPort::AwaitInput() {
  is_silent_ = false;
  bool has_input = false;
  for (const Pair& pair : pairs_) has_input = pair.queues->AwaitKick() || has_input;
  return has_input && !closing_ && !pause_wanted_;
}

void VhostPort::Send(std::span<const WireFrame> frames) {
  PortCounters& counters = *identity_.counters;
  if (!closing_) {
    for (const Pair& pair : pairs_) {
      if (pair.queues->Send(frames, counters)) return;
    }
    if (backend_->pairs().front()->Send(frames, counters)) return;
  }
  counters.Drop(DropReason::kLinkDown, frames.size());
}

void VhostPort::Retry() {
  if (!std::exchange(starved_, false) || closing_) return;
  for (Pair& pair : pairs_) WatchKick(pair);
}

// Frames are copied when they are received, so nothing of them is on its way.
bool VhostPort::Pause() {
  pause_wanted_ = true;
  backend_->Freeze();
  return true;
}

void VhostPort::Resume() {
  pause_wanted_ = false;
  backend_->Thaw();
  for (const Pair& pair : pairs_) pair.queues->doorbell().Signal();
}

bool VhostPort::HandOver(size_t /*queue*/, PortHandover& to) const {
  return !is_first() || backend_->HandOverListener(to);
}

bool VhostPort::HandOverPaused(PortHandover& to) const {
  return !is_first() || backend_->HandOver(to);
}

void VhostPort::TakeOverPaused(PortHandover& from) {
  if (!is_first()) return;
  backend_->TakeOver(from);
  for (Pair& pair : pairs_) Refresh(pair);
}

void VhostPort::BeginClose() {
  if (std::exchange(closing_, true)) return;
  for (Pair& pair : pairs_) {
    if (pair.doorbell) ring_->Unwatch(pair.queues->doorbell().fd(), *pair.doorbell);
    if (pair.kick_tag) ring_->Unwatch(pair.kick->get(), *pair.kick_tag);
    pair.doorbell.reset();
    pair.kick_tag.reset();
  }
  status_.link_up = false;
  status_.reason = "closing";
}

absl::StatusOr<std::vector<std::unique_ptr<Port>>> OpenVhostPort(
    std::span<const PortIdentity> identities, const VhostOptions& options,
    PortHandover* inherited) {
  const size_t count = options.queues == 0 ? identities.size() : options.queues;
  auto backend = VhostBackend::Open(options, static_cast<uint32_t>(count), inherited);
  if (!backend.ok()) return backend.status();
  const size_t workers = std::min(count, identities.size());
  std::vector<std::unique_ptr<Port>> ports;
  for (size_t i = 0; i < workers; ++i) {
    auto memory = BufferMemory::Allocate(ReceiveArena::kSize);
    if (!memory.ok()) return memory.status();
    std::vector<size_t> own;
    for (size_t pair = i; pair < count; pair += workers) own.push_back(pair);
    ports.push_back(std::make_unique<VhostPort>(identities[i], *backend, own, *std::move(memory)));
  }
  return ports;
}

}  // namespace tapswitch
