// The state of a running switch at one moment, as plain data: what is shown to users and to
// monitoring. The worker fills it in between two batches; whoever has asked may take its time.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ports/port.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/gate_masks.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/stats.h"
#include "switch/protocol/bridge_protocols.h"
#include "switch/workers/impairment/impairments.h"
#include "switch/workers/offload/kernel_traffic.h"
#include "switch/workers/polling/busy_poller.h"
#include "switch/workers/port_gates.h"

namespace tapswitch {

struct PortSnapshot {
  PortId id;
  std::string name;
  PortStatus status;
  PortState state =
      PortState::kDisabled;  // in effect: disabled while the link is down or it is shut down
  PortCounters counters;
  std::optional<PortTraffic> kernel;  // of `counters`, what the kernel carried
  uint32_t learned = 0;               // entries of the address table
  uint32_t mcast_groups = 0;          // entries of the table of groups
  std::optional<ShutDown> shut_down;
  Ticks recovers_in;  // of a port that is shut down for a time
  PortImpairmentSnapshot impairments{};
  std::shared_ptr<const PortDetails> details{};  // null: there are none
  std::string description{};                     // workers leave it empty: see PortDescriptions
};

struct TableSnapshot {
  uint32_t entries = 0;
  uint32_t learned = 0;
  uint32_t capacity = 0;
  uint64_t evicted = 0;
};

struct LoopSnapshot {
  // The number of batch_sizes: of at most 1, 2, 4, ... FrameBatch::kCapacity frames.
  static constexpr size_t kSizeBuckets = 9;
  static_assert(size_t{1} << (kSizeBuckets - 1) == FrameBatch::kCapacity);

  std::array<uint64_t, kSizeBuckets> batch_sizes{};  // batches by size; each is in one bucket
  uint64_t frames = 0;                               // in all batches
  double busy_seconds = 0;  // processor time of the worker's thread, system calls included
  uint64_t ring_overflows = 0;
  PollCounters polls;

  LoopSnapshot& operator+=(const LoopSnapshot& other);
};

// The counts of one lane: see lane.h.
struct LaneSnapshot {
  struct QueueCounters {
    PortId id;
    PortCounters counters;
  };

  LoopSnapshot loop;
  std::vector<QueueCounters> counters;  // by ascending id
};

// A VNI, which the workers know nothing of: see Overlay.
struct VniSnapshot {
  uint32_t number = 0;
  std::string port;
  bool is_up = false;
  uint64_t stations_here = 0;
  uint64_t stations_elsewhere = 0;
  uint64_t neighbours_here = 0;
  uint64_t neighbours_elsewhere = 0;
  uint64_t vteps = 0;
  uint64_t resyncs = 0;
  uint64_t overruns = 0;
  uint64_t refusals = 0;
};

struct SwitchSnapshot {
  std::vector<PortSnapshot> ports;  // by ascending id
  TableSnapshot table;
  LoopSnapshot loop;                // of all workers
  std::vector<LoopSnapshot> loops;  // of each
  ProtocolSnapshot protocols;
  std::vector<VniSnapshot> vnis{};  // workers leave it empty

  // Adds what a lane counted to the sums. Ports that are not listed are left out.
  void Add(const LaneSnapshot& lane);
  // Adds what the kernel carried, by port.
  void Add(const std::map<PortId, PortTraffic>& traffic);
};

}  // namespace tapswitch
