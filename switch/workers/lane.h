// The way of frames through one thread: ring -> batch -> bridge -> ports.
//
// Each worker has a lane, and with it a ring, a queue of each port, and its own counters. A turn of
// its thread is
//
//   Receive   last turn's writes go out, new frames come in; completions, grouped by port, become a
//             FrameBatch
//   Decide    the bridge decides and groups by egress port
//   Send      each egress port queues its frames
//   Recycle   each ingress port gives its buffers back
//
// Buffers are given back before the call that sends from them; ring.h says why that is right.
//
// One thread calls everything, but for counters().

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "ports/os/clock.h"
#include "ports/port.h"
#include "ports/ring/ring.h"
#include "switch/capture/capture_point.h"
#include "switch/forwarding/egress/egress_builder.h"
#include "switch/forwarding/egress/egress_lists.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/stats.h"
#include "switch/workers/bpdus/bpdu_pace.h"
#include "switch/workers/impairment/impairments.h"
#include "switch/workers/offload/flow_offload.h"
#include "switch/workers/offload/flow_samples.h"
#include "switch/workers/polling/busy_poller.h"
#include "switch/workers/polling/poll_governor.h"
#include "switch/workers/receive_limits.h"
#include "switch/workers/shared_bridge.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

// Written by the lane's thread, for others to read.
struct LaneLoad {
  std::atomic<uint64_t> work = 0;  // of WorkOf, summed over all ports

  // The work of what was received, in units of about a frame: 8 KiB take as long to copy as a
  // frame does to forward.
  static uint64_t WorkOf(const PortCounters& counters) {
    return counters.received.frames + counters.received.bytes / 8192;
  }
};

class Lane {
 public:
  using OnRemoved = std::function<void(std::unique_ptr<Port>)>;

  // Both outlive the lane.
  Lane(Ring& ring, const Clock& clock);
  // Closes the ports that are still open.
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // How long a port waits that wants to try something again (Port::wants_retry). So many ports that
  // do, for as long as there are no descriptors, cost next to nothing.
  static constexpr Ticks kRetryInterval{10};

  // Called with the slot of each kReadiness completion.
  void set_on_readiness(std::function<void(uint32_t slot)> handler) {
    on_readiness_ = std::move(handler);
  }

  // Whether frames of a flow leave as one where a port takes that (GRO).
  void set_joins_frames(bool joins) { joins_frames_ = joins; }

  // Offers conversations to the kernel. `flows` outlives the lane; it is that of all lanes. To be
  // called before there are ports.
  void set_flows(FlowOffload* flows) { flows_ = flows; }

  // Has the lane hold frames of these ports as `all` says, which outlives the lane and is that of
  // all lanes. One of them, the primary's, releases what is held.
  enum class HeldFramesRole : uint8_t { kAdmits, kAdmitsAndReleases };
  void set_impairments(Impairments& all, HeldFramesRole role);
  void set_impaired(const Impairments::Ports& ports);
  // Whether any port is impaired, so that the functions below are to be called in each turn.
  [[nodiscard]] bool is_impaired() const { return is_impaired_; }

  // Whether to poll for frames before it sleeps.
  void set_busy_poll(const BusyPoll& wanted) { poller_.Configure(wanted); }

  // Starts the port; its id is not in use here. The bridge knows the port before frames come in by
  // it, so it is in the view when there are several workers. On an error nothing has changed, and
  // the port is still the caller's.
  [[nodiscard]] absl::Status AddPort(std::unique_ptr<Port>& port);

  // Closes the port. Once no operation of its is in flight `on_removed` is handed the port,
  // detached from the ring, by FinishRemovals. Precondition: the port is there, and not being
  // removed.
  void RemovePort(PortId id, OnRemoved on_removed);

  // Between two batches, so that nothing refers to the ports any more.
  void FinishRemovals();

  // Has a port pause (PortLife::Pause), and calls `on_paused` once nothing of what it received is
  // on its way any more: it has been sent by then, or the port has gone. False, and without effect,
  // where there is no such port, or it cannot pause.
  [[nodiscard]] bool PausePort(PortId id, std::function<void()> on_paused);
  // Calls no on_paused any more of those that were given so far.
  void ForgetPauses() { pausing_.clear(); }
  // Has a port receive again. False where there is no such port, or where it had not paused, as one
  // that never receives.
  bool ResumePort(PortId id, uint16_t generation);

  // Tells every port of a change in the kernel's interfaces.
  void OnLinkChange(const LinkEvent& link);
  // Tells a port of an answer. False when there is none of that id and generation.
  bool OnLinkAnswer(PortId id, uint16_t generation);

  // Null when there is none.
  [[nodiscard]] Port* port(PortId id) const;

  // The counters of this lane's queue of a port: between two turns, each frame that was received is
  // forwarded or dropped. The address stays the same for the life of the lane, and any thread may
  // ask for it.
  [[nodiscard]] PortCounters& counters(PortId id) { return counters_[id.value]; }

  // Calls `visit` for each port.
  template <typename Visit>
  void ForEachPort(const Visit& visit) const {
    for (const auto& port : ports_) {
      if (port) visit(*port);
    }
  }

  // How much the lane has done, and for how long it had nothing to do. Measured after MeasureLoad.
  // Any thread may ask.
  [[nodiscard]] const LaneLoad& load() const { return load_; }
  [[nodiscard]] std::chrono::nanoseconds IdleUntil(std::chrono::nanoseconds now) const {
    return poller_.IdleUntil(now);
  }
  void MeasureLoad() {
    measures_load_ = true;
    poller_.MeasureSleep();
  }

  // The time of this turn, as the bridge is told it.
  [[nodiscard]] Tick now() const { return now_; }

  // Brings now() up to date.
  void AdvanceTime(const LockedBridge& bridge) { now_ = bridge.Advance(now_); }

  // Waits until there is something to do, for `timeout` at most (nullopt: for ever), and takes it
  // in.
  void Receive(std::optional<std::chrono::nanoseconds> timeout);
  [[nodiscard]] bool has_frames() const { return !batch_.empty(); }

  // Takes frames of impaired ports out of what was received: they are lost, or held.
  void HoldReceived(const ForwardingView& view);
  // Takes held frames that are due for another turn of Decide and Send, of their own. False when
  // there are none. What was sent before is out then.
  [[nodiscard]] bool TakeHeld();
  void DecideHeld(const LockedBridge& bridge);
  void SendHeld();
  // Sends held frames that are due to leave.
  void SendDue();

  // Has the bridge decide on what was received.
  void Decide(const LockedBridge& bridge);

  // Frames, then what the bridge itself has to say.
  void Send();

  // Has a port of this lane send; all that leaves goes this way. Frames of impaired ports are held
  // first. `vlan`: the one that they belong to in the switch, where it is known.
  void SendBy(Port& port, std::span<const WireFrame> frames, VlanId vlan = kNoVlan);
  // Sends frames that were admitted before.
  void SendAdmitted(Port& port, std::span<const WireFrame> frames);

  // Tells a port what it has lost, and that its frames were sent, as a flow of it is pending.
  void AccountFor(PortId id) const;

  // The ports that are to be looked at: something was completed for them, or they were read.
  const PortSet& Recycle();

  // Has ports that were quiet since the last time give back memory; after Recycle. False, and
  // without effect, when the ring may hold frames that are still to be received: to be called
  // again.
  [[nodiscard]] bool ReleaseIdleMemory();

  // Shows `capture` what comes and goes by this lane, until it is removed. It outlives that.
  void AddCapture(CapturePoint& capture) { captures_.push_back(&capture); }
  void RemoveCapture(CapturePoint& capture) { std::erase(captures_, &capture); }

  // Those who capture, when frames were shown to them.
  void WakeCaptures();

  // For frames that leave with this turn's.
  [[nodiscard]] OriginatedFrames& originated() { return egress_.originated(); }

  // Closes all ports and waits until no operation of theirs is in flight. They stay known by id,
  // for their counters, but nothing passes any more.
  void CloseAll();

  // The state at the time of the call.
  [[nodiscard]] LaneSnapshot Snapshot() const;

 private:
  struct Removal {
    PortId id;
    OnRemoved on_removed;
  };

  struct Pausing {
    PortId id;
    uint16_t generation = 0;
    std::function<void()> on_paused;
    bool is_read_out = false;  // it has paused; what it received last leaves with the next wait
  };

  void Wait(std::optional<std::chrono::nanoseconds> timeout);
  void PublishLoad();
  void FinishPauses();
  void PaceBpdus();
  void ResumePaced();
  void ReceiveLostBpdus();
  void NoteRetry(const Port& port);
  void RetryPorts();
  void DispatchRun(std::span<const Completion> run);
  void ReadSockets();
  [[nodiscard]] bool HasSilentInput();
  [[nodiscard]] bool AwaitSilentInput();
  void ReadSocket(PortId id);
  [[nodiscard]] Port* Addressee(const Tag& tag) const;
  void LimitFlooding();
  void SendFrom(PortId id);
  size_t Append(std::span<const EgressFrame> copies, const EgressLimits& limits, Port& to);
  void HandOver(Port& port, VlanId vlan = kNoVlan);
  void SendCopies(std::span<const Frame> frames);
  void SendOriginated();
  [[nodiscard]] EgressLimits LimitsOf(PortId id, const PortStatus& status) const;
  [[nodiscard]] size_t CopiesOfOneVlan(PortId id, std::span<const EgressFrame> copies) const;
  [[nodiscard]] std::optional<std::chrono::nanoseconds> UntilRelease();
  void HoldFrame(const Frame& frame, ImpairedDirection& impaired, Nanoseconds now);
  void CountHeld(PortId id, const AdmittedFrame& admitted, size_t size);
  void HoldSent(Port& port, std::span<const WireFrame> frames, VlanId vlan);
  void NoteHeld(PortId id, CapturePoint::Direction direction, const AdmittedFrame& admitted,
                const ImpairedDirection::Arrival& frame);
  void CaptureHeld(PortId by, const WireFrame& frame, CapturePoint::Note note);
  void ConfirmSent();
  void HandOverFlows();
  void CaptureReceived();
  void CaptureSent(PortId by, std::span<const WireFrame> frames);
  void Capture(PortId port, CapturePoint::Direction direction, const WireFrame& frame,
               CapturePoint::Note note = CapturePoint::Note::kNone);

  Ring& ring_;
  BusyPoller poller_;
  const Clock& clock_;
  std::function<void(uint32_t)> on_readiness_;

  bool joins_frames_ = true;
  PortSet joining_;  // ports for which it does, in this turn
  FlowOffload* flows_ = nullptr;
  FlowSamples flow_samples_;
  Impairments* impairments_ = nullptr;
  bool is_releaser_ = false;
  bool releases_held_ = false;
  bool is_impaired_ = false;
  Impairments::Ports impaired_;
  FrameBatch held_batch_;
  std::vector<CapturePoint*> captures_;
  uint64_t captured_at_ = 0;                  // real time of this turn, while there are captures
  std::vector<std::unique_ptr<Port>> ports_;  // by id
  std::vector<PortCounters> counters_;        // by id
  std::vector<Removal> removals_;
  std::vector<Pausing> pausing_;
  PortSet told_to_pause_;  // ports that were told to (PausePort), and not to resume
  PortSet paced_;          // ports that pause until paced_until_, as they bring too many BPDUs
  Tick paced_until_;
  BpduPace bpdu_pace_;
  bool hears_bpdus_ = false;  // by the last turn
  Tick lost_bpdus_at_;        // when ports are asked for those again
  FrameBatch batch_;
  EgressLists egress_;
  ReceiveLimits receive_limits_;
  EgressBuilder builder_;
  PortSet active_;    // ports with completions in this turn
  PortSet readable_;  // ports that read by themselves, and have something to read
  PortSet silent_;    // ports that are to be looked at, as they announce nothing
  PortId first_reader_{0};
  PortSet retrying_;  // ports that want to try something again
  Tick retry_at_;     // while there are any
  LoopSnapshot loop_;
  bool measures_load_ = false;
  LaneLoad load_;
  Tick now_;
};

}  // namespace tapswitch
