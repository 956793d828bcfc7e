#include "switch/workers/link_thread.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "ports/os/thread_start.h"
#include "ports/ring/ring_factory.h"

namespace tapswitch {
namespace {

constexpr uint32_t kCommandSlot = 0;  // LinkMonitor has one of its own

}  // namespace

// A port's query, and what is known of its interface.
struct LinkThread::Shared {
  // Whether a change concerns it: of its interface, of the other end of that, or of an interface
  // that returns in place of it.
  [[nodiscard]] bool IsAbout(const LinkEvent& link) const {
    if (station.Is(link.netns, link.ifindex)) return true;
    if (link.netns != netns) return false;
    return is_there ? link.ifindex == ifindex : !link.removed && link.name == name;
  }

  PortId id;
  uint16_t generation = 0;
  std::string name;
  LinkQuery query;
  LinkAnswer answer;
  NetnsId netns;  // of the interface, or where it was last; as InterfacePort knows it
  int ifindex = 0;
  StationLink station;  // see LinkEvent
  bool is_there = false;
  std::atomic<bool> is_asked_for{false};
};

// The first queue's query owns this; the shared query goes with it.
class LinkThread::Registration {
 public:
  Registration(LinkThread& thread, std::shared_ptr<Shared> shared)
      : thread_(thread), shared_(std::move(shared)) {}
  ~Registration() { thread_.Withdraw(shared_); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  LinkThread& thread_;
  std::shared_ptr<Shared> shared_;
};

absl::StatusOr<std::unique_ptr<LinkThread>> LinkThread::Create() {
  auto ring = MakeRing(IoMode::kEpoll);
  if (!ring.ok()) return ring.status();
  auto commands = CommandQueue::Create();
  if (!commands.ok()) return commands.status();
  const Tag tag{.operation = Operation::kReadiness, .slot = kCommandSlot};
  if (absl::Status watched = ring->ring->Watch((*commands)->fd(), tag); !watched.ok()) {
    return watched;
  }
  return std::unique_ptr<LinkThread>(new LinkThread(std::move(ring->ring), *std::move(commands)));
}

LinkThread::LinkThread(std::unique_ptr<Ring> ring, std::unique_ptr<CommandQueue> commands)
    : ring_(std::move(ring)),
      commands_(std::move(commands)),
      monitor_(*ring_, [this](const LinkEvent& link) { OnEvent(link); }) {}

LinkThread::~LinkThread() { Stop(); }

absl::Status LinkThread::Start(Listener listener) {
  listener_ = std::move(listener);
  auto thread = StartThread("the thread that follows links", [this] { Run(); });
  if (!thread.ok()) return thread.status();
  thread_ = *std::move(thread);
  return absl::OkStatus();
}

void LinkThread::Stop() {
  if (!thread_.joinable()) return;
  commands_->Post([this] { stopping_ = true; });
  thread_.join();
}

void LinkThread::Run() {
  pthread_setname_np(pthread_self(), "links");
  bool has_events = false;
  while (!stopping_) {
    static_cast<void>(ring_->SubmitAndWait(std::nullopt));
    bool has_commands = false;
    for (const Completion& completion : ring_->Reap()) {
      if (completion.tag.slot == kCommandSlot) has_commands = true;
      if (completion.tag.slot == LinkMonitor::kReadinessSlot) has_events = true;
    }
    if (has_commands) commands_->RunAll();
    if (has_events && untaken_ == 0) {
      has_events = false;
      monitor_.OnReadable(LinkMonitor::kReadinessSlot);
    }
  }
}

void LinkThread::OnEvent(const LinkEvent& link) {
  for (const auto& shared : shared_) {
    if (shared->IsAbout(link)) Ask(*shared);
  }
  ++untaken_;
  listener_.on_change(link, [this] { commands_->Post([this] { --untaken_; }); });
}

void LinkThread::Ask(Shared& shared) {
  const auto link = shared.query();
  shared.is_there = link.ok() && !link->removed;
  if (link.ok()) {
    shared.netns = link->netns;
    shared.ifindex = link->ifindex;
    shared.station = link->station;
  } else if (!absl::IsNotFound(link.status()) && !absl::IsAborted(link.status())) {
    shared.netns = {};  // it cannot be known where it is
  }
  shared.answer.Set(link);
}

SharedLinkQueries LinkThread::Share(const PortIdentity& identity, LinkQuery query) {
  const auto shared = std::make_shared<Shared>();
  shared->id = identity.id;
  shared->generation = identity.generation;
  shared->name = identity.name;
  shared->query = std::move(query);
  commands_->Call([&] {
    shared_.push_back(shared);
    Ask(*shared);
  });
  return {
      .first = [shared, owned = std::make_shared<Registration>(
                            *this, shared)] { return shared->answer.Get(); },
      .others = [shared] { return shared->answer.Get(); },
      .refresh =
          [this, shared] {
            if (shared->is_asked_for.exchange(true)) return;
            commands_->Post([this, shared] {
              shared->is_asked_for = false;  // whoever asks from here on may mean a later state
              if (!shared->query) return;
              Ask(*shared);
              listener_.on_answer(shared->id, shared->generation);
            });
          },
      // With the command, once that has run.
      .discard =
          [this](std::shared_ptr<void> thing) {
            commands_->Post([thing = std::move(thing)]() mutable { thing.reset(); });
          },
  };
}

void LinkThread::Withdraw(const std::shared_ptr<Shared>& shared) {
  LinkQuery query;  // what it owns goes here, on a thread that may wait
  const auto withdraw = [&] {
    query = std::exchange(shared->query, nullptr);
    std::erase(shared_, shared);
  };
  if (thread_.joinable()) {
    commands_->Call(withdraw);
  } else {
    withdraw();
  }
}

absl::StatusOr<NetnsId> LinkThread::Watch(const NetworkNamespace& netns) {
  return commands_->Call([&] { return monitor_.Watch(netns); });
}

void LinkThread::Report(const LinkEvent& link) {
  commands_->Call([&] { OnEvent(link); });
}

absl::Status LinkThread::Call(const std::function<absl::Status()>& step) {
  return commands_->Call(step);
}

}  // namespace tapswitch
