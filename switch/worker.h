// The loop: ring -> batch -> bridge -> ports.
//
// One thread owns a worker and everything it refers to. A turn is
//
//   SubmitAndWait   last turn's writes go out, new frames come in      (one system call)
//   dispatch        completions, grouped by port, become a FrameBatch
//   process         the bridge decides and groups by egress port
//   send            each egress port queues its frames
//   recycle         each ingress port gives its buffers back
//
// Buffers are given back before the call that sends from them; ring.h says why that is right.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "ports/port.h"
#include "ports/ring.h"
#include "switch/capture_tap.h"
#include "switch/clock.h"
#include "switch/forwarding/bridge.h"
#include "switch/forwarding/egress_builder.h"
#include "switch/forwarding/egress_lists.h"
#include "switch/forwarding/forwarding_view.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/port_set.h"
#include "switch/protocol/loop_detector.h"
#include "switch/protocol/neighbour_proxy.h"
#include "switch/snapshot.h"

namespace tapswitch {

class Worker {
 public:
  // All outlive the worker.
  Worker(Ring& ring, const Clock& clock, Bridge& bridge);
  // Closes the ports that are still open.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the port and forwards for it from now on, as `forwarding` (whose id is the port's) says.
  // The id is not in use. On an error nothing has changed, and the port is still the caller's.
  [[nodiscard]] absl::Status AddPort(std::unique_ptr<Port>& port, const PortForwarding& forwarding);

  // Changes how frames from and to a port are treated; its state is the wanted one, which counts
  // while the link is up. Precondition: the port is there.
  void SetForwarding(const PortForwarding& forwarding);

  // Changes which frames are copied to where. Learned addresses behind a port that becomes a
  // destination are forgotten.
  void SetMirrors(std::vector<MirrorForwarding> mirrors);

  // Shows `capture` what comes and goes from the next turn on, until it is removed. It outlives that.
  void AddCapture(CaptureTap& capture);
  void RemoveCapture(CaptureTap& capture);

  // Changes how the bridge as a whole treats frames.
  void SetForwarding(const BridgeForwarding& forwarding);

  // Starts or stops to look for loops. Who sends the probes is set before.
  void SetLoopDetection(const LoopDetection& settings);
  [[nodiscard]] LoopDetector& loop_detector() { return loop_detector_; }
  // Has entries while a port suppresses questions for neighbours.
  [[nodiscard]] NeighbourTable& neighbours() { return neighbours_.table(); }

  // Takes a port out: nothing comes or goes by it from the next turn on. Once no operation of its is in
  // flight, and its id can be used again, `on_removed` is handed the port, detached from the ring.
  // What the table knows of it is the caller's business. Precondition: the port is there.
  void RemovePort(PortId id, std::function<void(std::unique_ptr<Port>)> on_removed);

  // Of learned addresses; what is too old by the new time goes at once.
  void SetAgeing(Ticks ageing);

  // What to tell of ports whose link has come up or gone down.
  void set_on_link_state(std::function<void(const Port&)> handler) {
    on_link_state_ = std::move(handler);
  }

  // What to tell of what the bridge's guards noticed, and of ports that forward again after they were
  // shut down.
  void set_on_alarm(std::function<void(const Alarm&)> handler) { on_alarm_ = std::move(handler); }
  void set_on_recovery(std::function<void(PortId)> handler) { on_recovery_ = std::move(handler); }

  // Forwards for a port again that was shut down. False, and without effect, for any other.
  bool Recover(PortId id);

  // Of the port now: disabled while its link is down, while it is shut down, or when there is
  // no such port.
  [[nodiscard]] PortState EffectiveState(PortId id) const;

  // Brings the bridge's view up to date, as a turn does before it waits.
  void UpdateView();

  // Of now. To be called by the worker's thread.
  [[nodiscard]] SwitchSnapshot Snapshot() const;

  // Called with the slot of each kReadiness completion.
  void set_on_readiness(std::function<void(uint32_t slot)> handler) {
    on_readiness_ = std::move(handler);
  }

  // Whether frames of a flow leave as one where a port takes that (GRO).
  void set_joins_frames(bool joins) { joins_frames_ = joins; }

  // How long to look for frames before it sleeps: a frame that comes meanwhile is not kept waiting by
  // the time it takes to wake a thread, at the price of a processor that is never idle for long.
  void set_busy_poll(std::chrono::nanoseconds span) { busy_poll_ = span; }

  // Tells every port of a change in the kernel's interfaces.
  void OnLinkChange(const LinkEvent& link);

  // Waits until there is something to do, and does it. A frame, a signal, the ageing of addresses, or
  // a probe that is due ends the wait; a worker with nothing learned sleeps until something arrives.
  void Turn();

  // Closes all ports and waits until no operation of theirs is in flight. They stay known by id, for
  // their counters, but nothing passes any more.
  void CloseAll();

  // Null when there is none.
  [[nodiscard]] Port* port(PortId id);

 private:
  // The address of a port's interface, and the VLANs in which the table has it.
  struct OwnAddress {
    MacAddress address{};
    VlanSet vlans;

    bool operator==(const OwnAddress&) const = default;
  };

  struct Attached {
    std::unique_ptr<Port> port;
    PortStatus status;  // as last acted upon
    OwnAddress own;
    PortForwarding forwarding;
    std::optional<ShutDown> shut_down;
    std::function<void(std::unique_ptr<Port>)> on_removed;  // set once it is being removed
  };

  [[nodiscard]] std::optional<std::chrono::nanoseconds> Timeout() const;
  [[nodiscard]] std::optional<Tick> NextDeadline() const;
  void Wait(std::optional<std::chrono::nanoseconds> timeout);
  void WaitAndDispatch(std::optional<std::chrono::nanoseconds> timeout);
  void DispatchRun(std::span<const Completion> run);
  void ReadSockets();
  void ReadSocket(PortId id);
  [[nodiscard]] Port* Addressee(const Tag& tag);
  void Forward();
  void SendFrom(PortId id);
  size_t Append(std::span<const EgressFrame> copies, const EgressLimits& limits, Port& to);
  void HandOver(Port& port);
  void CaptureReceived();
  void CaptureSent(PortId by, std::span<const WireFrame> frames);
  void NoticeStatus(Attached& attached);
  void UpdateOwnAddress(Attached& attached);
  void ListOwnAddress(VlanId vlan, MacAddress address, PortId id);
  void ForgetOwnAddress(VlanId vlan, MacAddress address, PortId id);
  [[nodiscard]] static PortForwarding EffectiveForwarding(const Attached& attached);
  void RebuildView();
  void TellLoopDetector(std::span<const PortForwarding> ports);
  void FinishRemovals();
  void Age();
  void HeedAlarms();
  void RecoverPorts();
  void SendOriginated();

  Ring& ring_;
  const Clock& clock_;
  Bridge& bridge_;
  std::function<void(uint32_t)> on_readiness_;
  std::function<void(const Port&)> on_link_state_;
  std::function<void(const Alarm&)> on_alarm_;
  std::function<void(PortId)> on_recovery_;

  bool joins_frames_ = true;
  std::chrono::nanoseconds busy_poll_{0};
  BridgeForwarding forwarding_;
  Observers observers_;
  std::vector<CaptureTap*> captures_;
  uint64_t captured_at_ = 0;     // real time of this turn, while there are captures
  std::vector<Attached> ports_;  // by id
  FrameBatch batch_;
  EgressLists egress_;
  EgressBuilder builder_;
  PortSet active_;    // ports with completions in this turn
  PortSet readable_;  // ports that read by themselves, and have something to read
  PortId first_reader_{0};
  bool view_is_stale_ = false;
  size_t removals_ = 0;  // ports that are being removed
  std::optional<Tick> next_recovery_;
  size_t originated_ = 0;  // of the letters in the bridge's outbox, those handed to their ports
  LoopSnapshot loop_;
  LoopDetector loop_detector_;
  NeighbourProxy neighbours_;

  Tick now_;
  Tick next_sweep_;
  bool sweeping_ = false;
};

}  // namespace tapswitch
