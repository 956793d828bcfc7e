// A thread that forwards beside the primary worker: a lane, and a mailbox for commands. Whatever
// there is of the bridge only once is left to the primary, which is woken when a batch has made
// work for it.

#pragma once

#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/os/clock.h"
#include "ports/os/wake_event.h"
#include "ports/ring/ring_factory.h"
#include "switch/workers/channels/command_queue.h"
#include "switch/workers/channels/frame_relay.h"
#include "switch/workers/lane.h"
#include "switch/workers/polling/poll_governor.h"
#include "switch/workers/shared_bridge.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

class SecondaryWorker {
 public:
  struct Options {
    size_t index = 1;  // the primary is 0
    IoMode io = IoMode::kAuto;
    bool joins_frames = true;
    BusyPoll busy_poll;
    std::vector<int> cpus;         // of all workers: see PinThread
    FlowOffload* flows = nullptr;  // see Lane::set_flows
  };

  // The thread runs once this returns. Errors are those of MakeRing, and ResourceExhausted where
  // there is no thread to be had. What is referred to outlives
  // the worker; `wake_primary` is signalled when the primary is to take a turn.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SecondaryWorker>> Start(
      const Options& options, const Clock& clock, SharedBridge& shared,
      const WakeEvent& wake_primary);

  // Stops the worker as Stop does, unless that was called.
  ~SecondaryWorker();
  SecondaryWorker(const SecondaryWorker&) = delete;
  SecondaryWorker& operator=(const SecondaryWorker&) = delete;

  // Run between two batches. They do not hold the lock on the bridge.
  [[nodiscard]] CommandQueue& commands() { return *commands_; }

  // Only to be touched by commands, but for counters().
  [[nodiscard]] Lane& lane() { return *lane_; }

  // The relay for what it sends by ports that it has no queue of.
  [[nodiscard]] FrameRelay& relay() { return relay_; }

  // Closes all its ports, and waits for the thread to end. Returns what it counted.
  LaneSnapshot Stop();

 private:
  SecondaryWorker(std::unique_ptr<CommandQueue> commands, Options options, SharedBridge& shared,
                  const WakeEvent& wake_primary);

  void Run(const Clock& clock, std::promise<absl::Status> started);
  [[nodiscard]] absl::Status SetUp(const Clock& clock);
  void Turn();
  [[nodiscard]] bool Decide();

  const Options options_;
  SharedBridge& shared_;
  const WakeEvent& wake_primary_;
  std::unique_ptr<CommandQueue> commands_;
  FrameRelay relay_;
  // The thread's, which makes and destroys them: a ring knows its thread.
  std::unique_ptr<Ring> ring_;
  std::unique_ptr<Lane> lane_;
  LaneSnapshot last_;
  bool has_commands_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tapswitch
