#include "switch/workers/secondary_worker.h"

#include <pthread.h>

#include <string>
#include <utility>

#include "ports/os/thread_start.h"
#include "switch/workers/affinity.h"

namespace tapswitch {

absl::StatusOr<std::unique_ptr<SecondaryWorker>> SecondaryWorker::Start(
    const Options& options, const Clock& clock, SharedBridge& shared,
    const WakeEvent& wake_primary) {
  auto commands = CommandQueue::Create();
  if (!commands.ok()) return commands.status();
  std::unique_ptr<SecondaryWorker> worker(
      new SecondaryWorker(*std::move(commands), options, shared, wake_primary));
  std::promise<absl::Status> started;
  auto result = started.get_future();
  auto thread = StartThread("a thread that forwards",
                            [self = worker.get(), &clock, started = std::move(started)]() mutable {
                              self->Run(clock, std::move(started));
                            });
  if (!thread.ok()) return thread.status();
  worker->thread_ = *std::move(thread);
  if (absl::Status status = result.get(); !status.ok()) return status;
  return worker;
}

SecondaryWorker::SecondaryWorker(std::unique_ptr<CommandQueue> commands, Options options,
                                 SharedBridge& shared, const WakeEvent& wake_primary)
    : options_(std::move(options)),
      shared_(shared),
      wake_primary_(wake_primary),
      commands_(std::move(commands)),
      relay_(wake_primary) {}

SecondaryWorker::~SecondaryWorker() { Stop(); }

LaneSnapshot SecondaryWorker::Stop() {
  if (thread_.joinable()) {
    commands_->Post([this] { stopping_ = true; });
    thread_.join();
  }
  return last_;
}

void SecondaryWorker::Run(const Clock& clock, std::promise<absl::Status> started) {
  pthread_setname_np(pthread_self(), ("worker-" + std::to_string(options_.index)).c_str());
  PinThread(options_.cpus, options_.index);
  absl::Status status = SetUp(clock);
  const bool runs = status.ok();
  started.set_value(std::move(status));
  if (!runs) return;
  while (!stopping_) {
    Turn();
    if (std::exchange(has_commands_, false)) commands_->RunAll();
    lane_->FinishRemovals();
  }
  lane_->CloseAll();
  last_ = lane_->Snapshot();
  lane_.reset();
  ring_.reset();
}

absl::Status SecondaryWorker::SetUp(const Clock& clock) {
  auto ring = MakeRing(options_.io);
  if (!ring.ok()) return ring.status();
  ring_ = std::move(ring->ring);
  lane_ = std::make_unique<Lane>(*ring_, clock);
  lane_->set_joins_frames(options_.joins_frames);
  lane_->set_busy_poll(options_.busy_poll);
  lane_->set_flows(options_.flows);
  // There is nothing else that it watches.
  lane_->set_on_readiness([this](uint32_t /*slot*/) { has_commands_ = true; });
  return ring_->Watch(commands_->fd(), {.operation = Operation::kReadiness});
}

void SecondaryWorker::Turn() {
  lane_->Receive(std::nullopt);
  // Without frames it takes no lock: the primary may hold that while it waits for this worker.
  if (lane_->is_impaired() && lane_->has_frames()) {
    const LockedBridge bridge(shared_);
    lane_->HoldReceived(bridge->view());
  }
  if (lane_->has_frames() && Decide()) wake_primary_.Signal();
  lane_->Send();
  lane_->Recycle();
  lane_->WakeCaptures();
}

// True when the primary is to be woken: it sleeps for as long as there is nothing that ages, nobody
// to be told of what the table did, no port to be shut down.
bool SecondaryWorker::Decide() {
  const LockedBridge bridge(shared_);
  const bool nothing_aged = !bridge->table().has_mortal();
  const ChangeJournal& journal = bridge->journal();
  const uint64_t before = journal.next();
  lane_->Decide(bridge);
  const bool has_news = bridge->wants_turn() || !bridge->port_guards().alarms().alarms().empty() ||
                        (journal.is_followed() && journal.next() != before) ||
                        (nothing_aged && bridge->table().has_mortal());
  return has_news && bridge.CallPrimary();
}

}  // namespace tapswitch
