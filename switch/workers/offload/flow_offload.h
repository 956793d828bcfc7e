// Hands known conversations to the kernel, and takes them back.
//
// The switch decides once (flow_advice.h), and the kernel does the same with later frames, until
// something changes that the decision depends on (kernel_forwarding.h). All of that is noticed here
// while the bridge is locked: by the change journal, which names addresses that moved, aged or were
// set, and by the generation of the view. So nothing that a command has changed is carried the old
// way once the command is answered.
//
// A new flow is pending until no frame of its port is on its way through the switch, so that none
// overtakes another. Where the sockets of the port lose frames anyway, as more come than the switch
// can take, their frames of pending flows are dropped for a moment, so that it gets there.
//
// A flow whose frames do not come any more is taken back, and the stations of one that is used are
// kept from ageing.
//
// All of it is for those who have the bridge locked, where nothing else is said.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "ports/interface/fastpath/kernel_forwarding.h"
#include "ports/os/clock.h"
#include "ports/port.h"
#include "switch/forwarding/advice/flow_advice.h"
#include "switch/forwarding/bridge.h"
#include "switch/forwarding/frame.h"
#include "switch/workers/offload/flow_samples.h"
#include "switch/workers/offload/flow_sightings.h"
#include "switch/workers/offload/flow_table.h"
#include "switch/workers/offload/kernel_traffic.h"
#include "switch/workers/offload/seat_drains.h"

namespace tapswitch {

// A flow as it is shown.
struct ShownFlow {
  FlowKey key{};
  PortId ingress;
  PortId egress;
  VlanId vlan;
  MacAddress source{};
  MacAddress destination{};
  bool is_direct = false;  // right into the station's end of a pair
};

class FlowOffload {
 public:
  // The time to the nanosecond, for pending flows.
  using Stopwatch = std::function<std::chrono::nanoseconds()>;

  // The bridge and the kernel outlive it.
  FlowOffload(Bridge& bridge, KernelForwarding& kernel, Stopwatch time = MonotonicTime);
  ~FlowOffload() = default;
  FlowOffload(const FlowOffload&) = delete;
  FlowOffload& operator=(const FlowOffload&) = delete;

  // Called when a flow that comes in by the port is pending, by the thread that has found it: the
  // queues of the port are to see what they have lost (Port::RefreshCounters, Port::OnSent).
  void set_on_pending(std::function<void(PortId)> handler) { on_pending_ = std::move(handler); }

  // ---- Ports, by the primary worker

  // The port is there, or its status has changed.
  void SetPort(const Port& port);
  void RemovePort(PortId id);

  // Ends all flows, and makes none until Resume: another process is to have the programs. What the
  // kernel has of flows is removed by RemoveSome, some at a time; true when nothing is left.
  void Suspend();
  [[nodiscard]] bool RemoveSome(size_t most);
  // The ports that are there are to be set again after this.
  void Resume();

  // ---- Frames, by any worker

  using Ports = std::span<const std::unique_ptr<Port>>;  // of the worker, by id

  // After the bridge has decided on the frames, which came in by the ports in `active`. Judges the
  // samples of the batch before, and takes some of this one.
  void OnBatch(std::span<const Frame> frames, const PortSet& active, Ports ports,
               FlowSamples& samples, Tick now) {
    Follow();
    if (!samples.all().empty()) Judge(samples, ports, now);
    samples.Clear();
    const PortSet from = active & may_carry_.from;
    if (!from.empty()) samples.Take(frames, from);
  }

  // Ends what has changed since the last call.
  void Follow();

  // Whether a flow is pending: what was received is to be sent, and counted as such (Port::OnSent),
  // at the end of a turn and not only in the next. Any thread may ask.
  [[nodiscard]] bool has_pending() const { return has_pending_.load(std::memory_order_relaxed); }

  // ---- Now and then, by the primary worker

  // In steps of some tens of microseconds.
  void Work(Tick now);
  // When Work has something to do, at the latest; nothing: never.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> patience(Tick now) const;

  // ---- For showing

  [[nodiscard]] size_t size() const { return table_.size(); }
  // Flows that were to be carried when there was no room.
  [[nodiscard]] uint64_t refused() const { return refused_; }
  // Appends flows from `from` on, at most `most`; returns where to go on, or nothing at the end.
  [[nodiscard]] std::optional<uint32_t> Show(uint32_t from, size_t most,
                                             std::vector<ShownFlow>& flows) const;
  // Tells what would become of a conversation, and whether the kernel carries it now.
  struct Explanation {
    FlowAdvice advice;
    bool is_carried = false;
    bool is_pending = false;
  };
  [[nodiscard]] Explanation Explain(PortId ingress, const EthernetHeader& header, Tick now) const;

  // Any thread may use these.
  [[nodiscard]] KernelTraffic& traffic() { return traffic_; }
  [[nodiscard]] const KernelForwarding& kernel() const { return kernel_; }

 private:
  struct PortFacts {
    bool is_there = false;
    bool is_up = false;
    bool is_interface = false;
    bool is_own = false;
    bool has_seat = false;
    int ifindex = 0;
    uint32_t mtu = 0;
    MacAddress station{};  // see PortStatus
    bool operator==(const PortFacts&) const = default;
  };

  void OnChange(const Change& change);
  void EndFlowsOf(MacAddress station, VlanId vlan);
  void Remove(FlowTable::Id id);
  void Judge(const FlowSamples& samples, Ports ports, Tick now);
  void Judge(const FlowSample& sample, bool is_joined, Ports ports, Tick now);
  [[nodiscard]] FlowKey KeyOf(PortId ingress, const EthernetHeader& header) const;
  [[nodiscard]] bool is_current(const OffloadedFlow& flow) const;
  [[nodiscard]] const PortFacts& facts(PortId id) const;
  [[nodiscard]] static uint8_t WayTo(const PortFacts& from, const PortFacts& to,
                                     MacAddress destination);
  void Install(const FlowKey& key, PortId ingress, const EthernetHeader& header,
               std::shared_ptr<KernelSeat> seat, Tick now);
  void CheckPending(Tick now);
  [[nodiscard]] bool IsStillPending(FlowTable::Id id, std::chrono::nanoseconds time, Tick now);
  [[nodiscard]] Ticks ScanInterval() const;
  [[nodiscard]] Ticks MostIdle() const;
  [[nodiscard]] static Tick LookBefore(Tick forgotten, Tick now);
  void Scan(Tick now);
  void LookAgain(FlowTable::Id id, Tick now);
  [[nodiscard]] bool MayPayToJoin(const OffloadedFlow& flow, const Flow& found, Tick now);
  [[nodiscard]] bool MayTry(size_t hash, Tick now);
  [[nodiscard]] std::optional<Tick> Refresh(const OffloadedFlow& flow, bool used, Tick now);

  Bridge& bridge_;
  KernelForwarding& kernel_;
  Stopwatch time_;
  KernelTraffic traffic_;
  std::function<void(PortId)> on_pending_;

  bool is_suspended_ = false;
  std::vector<PortFacts> ports_;  // by id
  FlowPorts may_carry_;

  FlowTable table_;
  FlowSightings sightings_;
  absl::flat_hash_map<size_t, Tick> tried_;  // by hash: not to be given back again before
  uint64_t refused_ = 0;

  ChangeReader reader_;
  uint64_t view_generation_ = 0;
  Ticks ageing_;

  struct Pending {
    FlowTable::Id id = 0;
    FlowKey key{};
  };
  std::vector<Pending> pending_;
  SeatDrains drains_;
  std::chrono::nanoseconds next_check_{};
  std::atomic<bool> has_pending_ = false;

  FlowTable::Id scan_at_ = 0;
  Ticks interval_;  // of this scan
  bool is_scanning_ = false;
  Tick next_scan_;
  Tick until_;  // the earliest of what was scanned
};

}  // namespace tapswitch
