// The guards of a port: checks that few ports want, and that others do not pay for.
//
//   Check         locked ports, and allow lists: of each frame of a port with one of them
//                 (ForwardingView::is_screened)
//   OnLearned     limits of stations, and stations that move to and fro: when a frame taught
//                 something
//   CheckFlood    storm control: of what is to be flooded, where it is set (limits_storms)
//
// What they notice is raised as an alarm, once an episode: one that nothing was added to for ten
// seconds is over.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/guards/alarms.h"
#include "switch/forwarding/guards/guard_memory.h"
#include "switch/forwarding/guards/loop_suspicion.h"
#include "switch/forwarding/guards/move_watch.h"
#include "switch/forwarding/guards/token_bucket.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/parsed_frame.h"
#include "switch/forwarding/stats.h"
#include "switch/forwarding/view/forwarding_view.h"

namespace tapswitch {

class PortGuards {
 public:
  explicit PortGuards(uint64_t salt) : moves_(salt), ports_(kMaxPorts) {}

  // Why the frame goes no further, if so: what locks and allow lists say. A refused one teaches
  // nothing, except that a locked port with `mab` notes its source as a locked entry. Precondition:
  // the port is a member of the frame's VLAN.
  [[nodiscard]] std::optional<DropReason> Check(const ForwardingView& view, MacTable& table,
                                                const ParsedFrame& frame, Tick now,
                                                PortCounters& counters);

  // Returns why a frame whose source was not simply known to be behind the port goes no further, if
  // so. Learn said `result` of the source.
  [[nodiscard]] std::optional<DropReason> OnLearned(const ForwardingView& view, MacTable& table,
                                                    const ParsedFrame& frame, LearnResult result,
                                                    Tick now);

  // Returns why a frame that is to be sent by several ports goes no further, if so. Precondition:
  // limits_storms(ingress).
  [[nodiscard]] std::optional<DropReason> CheckFlood(const ForwardingView& view,
                                                     const MacTable& table,
                                                     const ParsedFrame& screened,
                                                     const Frame& frame, Tick now,
                                                     PortCounters& counters);

  // The port begins anew: it was added, or is no longer shut down.
  void Forget(PortId port) { ports_[port.value] = {}; }

  // The memory of a port, and of the moves of stations, for a process that goes on with it.
  [[nodiscard]] const PortGuardMemory& memory(PortId port) const { return ports_[port.value]; }
  void Restore(PortId port, const PortGuardMemory& memory) { ports_[port.value] = memory; }
  [[nodiscard]] MoveWatch& moves() { return moves_; }

  // The alarms for what was noticed. The driver of the bridge empties the log.
  [[nodiscard]] AlarmLog& alarms() { return alarms_; }

 private:
  void Report(EpisodeMemory& episode, const Alarm& alarm, Tick now);
  void NoteMove(const ForwardingView& view, MacTable& table, const ParsedFrame& frame, Tick now);
  void SuspectLoop(const MacTable& table, const ParsedFrame& frame, Tick now);
  void MoveIfReleased(MacTable& table, const ParsedFrame& frame, Tick now) const;

  MoveWatch moves_;
  LoopSuspicion loops_;
  std::vector<PortGuardMemory> ports_;  // by id
  AlarmLog alarms_;
};

}  // namespace tapswitch
