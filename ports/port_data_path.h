// The data path of a port: how frames come in and leave.
//
// A turn, seen from a port:
//   OnCompletions  appends what was received to the batch, and so does
//   Receive        for ports that read by themselves
//   Send           is handed finished frames, and always consumes them: what cannot be sent is
//                  dropped and counted, never kept waiting at the expense of others
//   Recycle        the turn's frames are no longer referenced: buffers go home, reading goes on

#pragma once

#include <cstddef>
#include <span>

#include "ports/ring/ring.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

class PortDataPath {
 public:
  virtual ~PortDataPath() = default;
  PortDataPath(const PortDataPath&) = delete;
  PortDataPath& operator=(const PortDataPath&) = delete;

  // Takes completions tagged with this port's id and generation, in order. The worker hands over
  // no more of them than `received` has room for.
  virtual void OnCompletions(std::span<const Completion> completions, FrameBatch& received) = 0;

  // For ports that read by themselves, a batch at a time, what they watch: called after all
  // completions of a turn when there was an Operation::kPoll for the port, and in the turns that
  // follow, without waiting, as long as it returns true: there may be more. Appends frames as far
  // as `received` has room, and never so many that other such ports would wait for long.
  [[nodiscard]] virtual bool Receive(FrameBatch& /*received*/) { return false; }

  // Whether something has to be looked for, as the medium does not announce what comes in: so it is
  // from a call of Receive on until one of AwaitInput, for a port whose medium can be looked at in
  // memory. The thread looks now and then, and calls AwaitInput before it sleeps.
  [[nodiscard]] virtual bool is_silent() const { return false; }
  // Whether Receive would find something. It is cheap.
  [[nodiscard]] virtual bool HasInput() { return false; }
  // Has the medium announce what comes in. Returns true if there is something by now.
  [[nodiscard]] virtual bool AwaitInput() { return false; }

  // Appends BPDUs that the port has lost for want of room in its queue since the last call, as far
  // as `received` has room; maybe some that it has received, too. Called about once a second while
  // somebody listens to BPDUs. They are in use until Recycle. Returns whether there were any.
  [[nodiscard]] virtual bool ReceiveLostBpdus(FrameBatch& /*received*/) { return false; }

  // From the next Recycle on, or the next Receive, the port brings at most `frames` frames into a
  // turn, and never more than its own bound; `frames` is at least 1. What it does not bring waits
  // where it comes from.
  virtual void LimitReceiving(size_t /*frames*/) {}

  // Frames leave in the order given.
  virtual void Send(std::span<const WireFrame> frames) = 0;

  virtual void Recycle() = 0;

  // Tells that what was received up to the last Recycle has been sent: the ring has submitted
  // since.
  virtual void OnSent() {}

  // Brings up to date what the kernel counts for the port, before the counters are looked at.
  virtual void RefreshCounters() {}

 protected:
  PortDataPath() = default;
};

}  // namespace tapswitch
