// All workers of a switch, as threads that do not forward see them: a port is added to and removed
// from all of them, what is wanted of forwarding becomes a view that they forward by, and what they
// count is summed.
//
// A port has one id and one queue per worker, or something in its place (relay_port.h). It is in
// the bridge's view before a frame comes in by any queue, and until the last queue is closed; but
// masked, so that nothing is sent to it, until all workers have theirs, and from before the first
// loses it.

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/port.h"
#include "switch/forwarding/bridge.h"
#include "switch/protocol/bridge_protocols.h"
#include "switch/workers/channels/command_queue.h"
#include "switch/workers/channels/countdown.h"
#include "switch/workers/impairment/impairments.h"
#include "switch/workers/primary_worker.h"
#include "switch/workers/secondary_worker.h"
#include "switch/workers/sharing/port_sharing.h"
#include "switch/workers/snapshot.h"
#include "switch/workers/view_builder.h"

namespace tapswitch {

class Workers {
 public:
  // All outlive this. `commands` are those of the primary's thread, `bridge` is what it forwards
  // by.
  Workers(CommandQueue& commands, PrimaryWorker& primary, const Bridge& bridge,
          BridgeProtocols& protocols);

  // To be called by the primary's thread, before there are ports: each has a queue for each worker.
  void Add(std::unique_ptr<SecondaryWorker> secondary);

  // Has ports, which have one queue, be shared with workers that come while the switch runs. To be
  // called by the primary's thread, before there are ports and instead of Add.
  void ShareBy(PortSharing::Options options);

  // To be called by the primary's thread after each turn.
  void OnTurn() {
    if (sharing_) sharing_->OnTurn();
  }

  // To be called by the primary's thread.
  void OnLinkChange(const LinkEvent& link);
  void OnLinkAnswer(PortId id, uint16_t generation);
  void OnPortStatus(const Port& port);
  void OnRelease();
  // A flow that comes in by the port is pending. By any worker's thread, of several.
  void OnPendingFlow(PortId id);

  // Offers conversations to the kernel, and counts what it carries. What a command has changed
  // holds for the first frame after its answer. `flows` outlives this. To be called before there
  // are ports, or other workers.
  void OfferFlows(FlowOffload& flows);

  // Ends all but the primary, for good. By its thread, when nobody else calls anything any more.
  void StopSecondaries();
  // To be called by the primary's thread after that.
  [[nodiscard]] SwitchSnapshot LastSnapshot() const;

  // ---- By other threads, one at a time but for Snapshot. They wait for workers.

  // Adds a worker that was asked for by PortSharing::Options::start_worker. It is an error if it
  // could not be started.
  void Grow(absl::StatusOr<std::unique_ptr<SecondaryWorker>> secondary);
  [[nodiscard]] size_t size() const { return secondaries_.size() + 1; }

  // For the queues of a port; each has its own counters.
  [[nodiscard]] std::vector<PortIdentity> Identities(const PortIdentity& identity);

  // Sets the counters of a port to zero before it is added for the first time.
  void ClearCounters(PortId id);

  // Adds a port to all workers, and forwards for it from then on as `forwarding` (whose id is the
  // port's, and not in use) says. `queues` are those of one port, at least one and no more than
  // there are workers. An error leaves nothing behind, and the calling thread destroys the queues.
  [[nodiscard]] absl::Status AddPort(std::vector<std::unique_ptr<Port>> queues,
                                     const PortForwarding& forwarding);

  // Returns when the port's device has been closed, which waits for the kernel's locks. Without
  // effect when there is no such port.
  void RemovePort(PortId id);

  // Changes how frames from and to a port are treated; its state is the wanted one, which counts
  // while the link is up. Without effect when there is no such port.
  void SetForwarding(const PortForwarding& forwarding);

  // Changes how the bridge as a whole treats frames.
  void SetForwarding(const BridgeForwarding& forwarding);

  // Makes what SetImpairment puts in place; null if nothing is to be impaired. ResourceExhausted if
  // there is no memory for the frames that are to be held. The schedule begins now.
  using Impaired = std::unique_ptr<ImpairedDirection>;
  [[nodiscard]] static absl::StatusOr<Impaired> MakeImpaired(const ImpairmentPlan& plan);
  // Changes how frames of a direction of a port fare, from the first one on that comes after this.
  // The view says before and meanwhile that they are impaired.
  void SetImpairment(PortId id, PortDirection direction, Impaired impaired);
  // Ends that for a port that was removed.
  void ForgetImpairments(PortId id);

  // Changes which frames are copied to where.
  void SetMirrors(std::vector<MirrorForwarding> mirrors);

  // Returns when each frame whose way was decided before the call has left.
  void AwaitSent();

  // Shows `capture` what comes and goes by all workers, until it is removed. It outlives that.
  void AddCapture(CapturePoint& capture);
  void RemoveCapture(CapturePoint& capture);

  [[nodiscard]] SwitchSnapshot Snapshot();

  // ---- Handing the ports over to another process, and taking them over (workers_handover.cc). The
  // thread that calls these waits for the workers.

  // From here on no port changes hands between workers, and the kernel carries nothing by itself.
  void BeginHandover();
  // Undoes that.
  void CancelHandover();

  // Has the queues of a port after the first add what a successor needs (PortLife::HandOver).
  [[nodiscard]] bool HandOverQueues(PortId id, PortHandover& to);

  // Has all ports pause, and returns once nothing of what they received is on its way any more.
  // False, and without effect, when that does not come about in time.
  [[nodiscard]] bool PauseAll();
  // Has those ports receive again.
  void ResumeAll();

  // Takes a snapshot for a command of the primary's thread, without what the kernel carries.
  [[nodiscard]] SwitchSnapshot SnapshotByPrimary();

  // Ports that are added from now on are paused and masked: they receive nothing, and nothing is
  // sent by them, before EndStandby.
  void BeginStandby() { is_standby_ = true; }
  [[nodiscard]] bool is_standby() const { return is_standby_; }
  void EndStandby();

  // Calls `step` on each worker's thread until one of them fails.
  [[nodiscard]] absl::Status CallOnEach(const std::function<absl::Status()>& step);

 private:
  // A port that reads by a lane, whose thread runs the commands.
  struct Reading {
    CommandQueue* commands = nullptr;
    Lane* lane = nullptr;
    PortId id;
    uint16_t generation = 0;
  };
  struct LaneOf {
    CommandQueue* commands = nullptr;
    Lane* lane = nullptr;
  };
  [[nodiscard]] std::vector<LaneOf> Lanes();
  void PauseLane(const LaneOf& lane, const std::shared_ptr<Countdown>& countdown);

  void Introduce(SecondaryWorker& secondary);
  void TellOfImpairments();
  void ReleaseHeld();
  [[nodiscard]] SwitchSnapshot SnapshotOfPrimary() const;
  void AddSecondaries(SwitchSnapshot& snapshot);

  [[nodiscard]] static std::unique_ptr<Port> ShareOf(const Port& port, SecondaryWorker& secondary);
  void ShareAllWith(SecondaryWorker& secondary);
  void SetCapturing(bool capturing);
  void UpdateView();
  static void RemoveFrom(std::span<const std::unique_ptr<SecondaryWorker>> secondaries, PortId id);

  CommandQueue& commands_;
  PrimaryWorker& primary_;
  const Bridge& bridge_;
  BridgeProtocols& protocols_;
  Impairments& impairments_;
  ViewBuilder views_;
  FlowOffload* flows_ = nullptr;
  std::vector<CapturePoint*> captures_;
  // Changed by the primary's thread alone, while the control thread waits.
  std::vector<std::unique_ptr<SecondaryWorker>> secondaries_;
  std::optional<PortSharing> sharing_;
  std::vector<LaneSnapshot> stopped_;  // what those counted that have ended
  std::vector<Reading> paused_;        // by PauseAll
  bool is_standby_ = false;
};

}  // namespace tapswitch
