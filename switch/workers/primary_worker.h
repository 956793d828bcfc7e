// The primary worker: a lane of frames (lane.h), and whatever there is of the bridge only once:
// commands run between its batches, and the gates of ports, the addresses of their interfaces,
// ageing, the clock of protocols, and alarms are seen to here.
//
// One thread owns it and everything it refers to but the bridge, which it may share with secondary
// workers. What a turn does to the bridge it locks by itself. All else is for commands, which hold
// the lock, where it does not say that it locks by itself.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "ports/os/clock.h"
#include "ports/port.h"
#include "ports/ring/ring.h"
#include "switch/capture/capture_point.h"
#include "switch/forwarding/bridge.h"
#include "switch/workers/channels/command_queue.h"
#include "switch/workers/channels/frame_relay.h"
#include "switch/workers/housekeeping.h"
#include "switch/workers/impairment/impairments.h"
#include "switch/workers/lane.h"
#include "switch/workers/own_addresses.h"
#include "switch/workers/port_gates.h"
#include "switch/workers/shared_bridge.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

class PrimaryWorker {
 public:
  // All outlive the worker. `shared` shares `bridge`.
  PrimaryWorker(Ring& ring, const Clock& clock, Bridge& bridge, SharedBridge& shared);
  // Closes the ports that are still open.
  ~PrimaryWorker();
  PrimaryWorker(const PrimaryWorker&) = delete;
  PrimaryWorker& operator=(const PrimaryWorker&) = delete;

  // A masked port is in the bridge's view, and nothing passes it yet or any more.
  enum class Passage : uint8_t { kOpen, kMasked };

  // Starts the port, puts `view` in place, which has the port, and forwards for it from now on; or,
  // masked, from OpenPort on. The id is not in use. On an error nothing has changed, and the port
  // is still the caller's.
  [[nodiscard]] absl::Status AddPort(std::unique_ptr<Port>& port, PreparedView& view,
                                     Passage passage = Passage::kOpen);

  // Puts a view in place of the bridge's, which is in `view` afterwards, for another thread to
  // free. Learned addresses are forgotten that are behind a port that becomes the destination of a
  // mirror, and all of them when frames belong to other VLANs from now on.
  void SetView(PreparedView& view);

  // Whether protocols say nothing by themselves, as another process forwards.
  void SetSilent(bool is_silent) { is_silent_ = is_silent; }

  // Looks at the status of each port.
  void NoticeAllPorts();

  // Offers each port to the kernel's forwarding once more.
  void OfferAllPorts();

  // Shuts a port down, as a guard of an earlier process has done.
  void RestoreShutDown(PortId id, const ShutDown& why);

  // Precondition: the port is there.
  void OpenPort(PortId id);
  void MaskPort(PortId id);

  // Whether the port is there, and not masked.
  [[nodiscard]] bool IsOpen(PortId id);

  // Sets the counters of this worker's queue of a port to zero.
  void ClearCounters(PortId id);

  // Sends what other workers hand over for this one's ports. `relay` outlives the last turn.
  void SendFor(FrameRelay& relay) { relays_.push_back(&relay); }

  // Sends what other workers have handed over by now.
  void SendRelayed();

  // Ends the next waits by that time, though there may be nothing to do; nullopt: no more.
  void WakeBy(std::optional<Tick> time) { wake_by_ = time; }

  // Shows `capture` what comes and goes by this worker, until it is removed. It outlives that. The
  // view says meanwhile that frames are observed.
  void AddCapture(CapturePoint& capture) { lane_.AddCapture(capture); }
  void RemoveCapture(CapturePoint& capture) { lane_.RemoveCapture(capture); }

  // Takes a port out: nothing comes or goes by it from the next turn on. Once no operation of its
  // is in flight, and its id can be used again, `on_removed` is handed the port, detached from the
  // ring. What the table knows of it is the caller's business. Precondition: the port is there.
  void RemovePort(PortId id, std::function<void(std::unique_ptr<Port>)> on_removed);

  // Learned addresses age in so long; those that are too old by then go at once.
  void SetAgeing(Ticks ageing);

  // Sets the function that is told of ports whose link has come up or gone down.
  void set_on_link_state(std::function<void(const Port&, const PortStatus&)> handler) {
    on_link_state_ = std::move(handler);
  }

  // Sets the function that is told of a port's status: whenever it has changed, and when the port
  // is opened.
  void set_on_status(std::function<void(const Port&)> handler) { on_status_ = std::move(handler); }

  // Set the functions that are told of what the bridge's guards noticed, and of ports that forward
  // again after they were shut down.
  void set_on_alarm(std::function<void(const Alarm&)> handler) { on_alarm_ = std::move(handler); }
  void set_on_recovery(std::function<void(PortId)> handler) { on_recovery_ = std::move(handler); }

  // Called after each batch and command, with the time of the turn, for what protocols have to
  // tell.
  void set_on_protocols(std::function<void(Tick now)> handler) {
    on_protocols_ = std::move(handler);
  }

  // Called when idle ports were told to release memory (Port::ReleaseIdleMemory), so that those of
  // other workers are told, too.
  void set_on_release(std::function<void()> handler) { on_release_ = std::move(handler); }

  // Takes the link of a port to be down, whatever the port says, or no more: its carrier is off by
  // hand. Without effect when there is no such port.
  void SetCarrier(PortId id, bool is_on);

  // Forwards for a port again that was shut down. False, and without effect, for any other.
  bool Recover(PortId id);

  // In effect: disabled while the port's link is down, while it is shut down, or when there is no
  // such port.
  [[nodiscard]] PortState EffectiveState(PortId id) const;

  // The state at the time of the call. To be called by the worker's thread.
  [[nodiscard]] SwitchSnapshot Snapshot() const;

  // Offers conversations to the kernel. `flows` outlives the worker. To be called before there are
  // ports.
  void set_flows(FlowOffload* flows);

  // Shared by all workers; they outlive the lanes.
  [[nodiscard]] Impairments& impairments() { return impairments_; }

  // For settings, and its counters: ports come and go by the methods above.
  [[nodiscard]] Lane& lane() { return lane_; }

  // Tells every port of a change in the kernel's interfaces.
  void OnLinkChange(const LinkEvent& link);
  // Tells a port that what it asked of its interface was answered, unless that was in an earlier
  // life.
  void OnLinkAnswer(PortId id, uint16_t generation);

  // Runs what waits, with the bridge locked: whoever has the result of a command knows that all
  // workers forward by it.
  void Run(CommandQueue& commands);

  // Waits until there is something to do, and does it. A frame, a signal, the ageing of addresses,
  // or a probe that is due ends the wait; a worker with nothing learned sleeps until something
  // arrives.
  void Turn();

  // Closes all ports as Lane::CloseAll does, with no lock held. Secondaries may be gone by then, so
  // pauses that were on the way (Lane::PausePort) are told to nobody.
  void CloseAll() {
    lane_.ForgetPauses();
    lane_.CloseAll();
  }

  // Null when there is none.
  [[nodiscard]] Port* port(PortId id) { return lane_.port(id); }

 private:
  struct Attached {
    Port* port = nullptr;  // the lane's
    PortStatus status;     // as last acted upon
    bool is_off_by_hand = false;
  };

  [[nodiscard]] std::optional<std::chrono::nanoseconds> PrepareToWait();
  [[nodiscard]] std::optional<std::chrono::nanoseconds> Timeout() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_);
  [[nodiscard]] std::optional<Tick> NextDeadline() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_);
  void PutView(PreparedView& view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_);
  void NoticeStatus(PortId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_);
  [[nodiscard]] static PortStatus StatusOf(const Attached& attached);
  void NoticeAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_);
  void UpdateOwnAddress(PortId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_);
  void TellProtocolsOfPorts() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_);
  void Forget(PortId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_);
  void OfferPort(PortId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_);
  void FollowFlows() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_);
  void ActOnAlarms() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_);
  void ReleaseIdleMemory();
  void SendHeld();

  SharedBridge& shared_;
  Bridge& bridge_ ABSL_GUARDED_BY(shared_);
  std::function<void(const Port&, const PortStatus&)> on_link_state_;
  std::function<void(const Port&)> on_status_;
  std::function<void(const Alarm&)> on_alarm_;
  std::function<void(PortId)> on_recovery_;
  std::function<void()> on_release_;
  std::function<void(Tick)> on_protocols_;

  std::vector<Attached> ports_;  // by id
  PortGates gates_ ABSL_GUARDED_BY(shared_);
  OwnAddresses own_addresses_ ABSL_GUARDED_BY(shared_);
  Housekeeping housekeeping_ ABSL_GUARDED_BY(shared_);
  bool is_silent_ = false;
  bool release_is_due_ = false;
  std::optional<Tick> wake_by_;
  std::vector<FrameRelay*> relays_;
  FlowOffload* flows_ = nullptr;
  Impairments impairments_;
  Lane lane_;
};

}  // namespace tapswitch
