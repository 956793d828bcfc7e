// Shares the ports of the primary worker with others while that pays (worker_governor.h): a port is
// read by one worker at a time, and every worker sends by it.
//
// No frame is lost and none overtakes another of its flow when a port changes hands. The worker
// that has it stops reading, sends what it has read, and only then does the next one begin to read;
// what arrives meanwhile waits in the queue of the device. Queues of a TAP that are attached and
// detached (TUNSETQUEUE) would lose frames: one that is detached is purged (drivers/net/tun.c,
// __tun_detach).
//
// The primary's thread calls everything.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "switch/forwarding/ids.h"
#include "switch/workers/channels/command_queue.h"
#include "switch/workers/primary_worker.h"
#include "switch/workers/secondary_worker.h"
#include "switch/workers/sharing/worker_governor.h"

namespace tapswitch {

class PortSharing {
 public:
  using Secondaries = std::vector<std::unique_ptr<SecondaryWorker>>;
  using Governor = std::function<WorkerGovernor::Advice(const LoadPeriod&)>;

  struct Options {
    size_t most_workers = 2;
    // Has another thread start a worker, and then call Workers::Grow. It does not wait.
    std::function<void()> start_worker;
    // In place of a WorkerGovernor; null: that.
    Governor governor{};
  };

  // All outlive this; `commands` are the primary's.
  PortSharing(Options options, CommandQueue& commands, PrimaryWorker& primary,
              const Secondaries& secondaries);

  // To be called after each turn.
  void OnTurn();

  // While it is suspended no port begins to change hands.
  void Suspend() { is_suspended_ = true; }
  void Resume() { is_suspended_ = false; }
  // Whether none is about to.
  [[nodiscard]] bool is_at_rest() const { return moving_ == 0; }

  // A worker was added, or could not be; then it is asked for again some time later.
  void OnWorkerStarted(bool is_there);

 private:
  using Span = std::chrono::nanoseconds;

  // A port that a secondary reads.
  struct Share {
    PortId id;
    uint16_t generation = 0;
    SecondaryWorker* reader = nullptr;
  };
  struct Measured {
    uint64_t work = 0;
    Span idle{0};
  };
  // The work that a port brought in the last period, by the primary.
  struct PortWork {
    PortId id;
    uint64_t work = 0;
    bool can_be_shared = false;
  };

  [[nodiscard]] LoadPeriod Measure();
  void MeasurePorts(uint64_t total);
  [[nodiscard]] size_t LoadedParts() const;
  void Act(WorkerGovernor::Advice advice);
  void ShareOut();
  void GiveAway(PortId id, SecondaryWorker& reader);
  void TakeBack(const Share& share);
  void KeepHere(PortId id, uint16_t generation);
  void GatherAll();

  Options options_;
  CommandQueue& commands_;
  PrimaryWorker& primary_;
  const Secondaries& secondaries_;
  WorkerGovernor governor_;

  Tick looked_at_;
  Span time_{0};                       // of the last look
  std::vector<Measured> before_;       // by worker
  std::vector<uint64_t> port_before_;  // by port
  std::vector<PortWork> loaded_;
  std::vector<Share> shares_;
  size_t moving_ = 0;  // ports that are changing hands
  bool is_suspended_ = false;
  bool starting_ = false;
  Tick ask_from_;  // no worker is asked for before
};

}  // namespace tapswitch
