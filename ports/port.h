// A port: it carries frames in and out, and knows nothing of forwarding.
//
// Life:  Start -> (OnCompletions, Send, Recycle, Pause, Resume)* -> BeginClose -> OnCompletions*
//        -> closed() -> Detach.
// One thread, the worker's, calls everything but the constructor and, after Detach, the destructor.
//
// A turn, seen from a port:
//   OnCompletions  appends what was received to the batch, and so does
//   Receive        for ports that read by themselves
//   Send           is handed finished frames, and always consumes them: what cannot be sent is
//                  dropped and counted, never kept waiting at the expense of others
//   Recycle        the turn's frames are no longer referenced: buffers go home, reading goes on

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "ports/netlink/link_monitor.h"
#include "ports/ring/ring.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/stats.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

// The condition of a port, as far as others need to know it. It is plain data, compared to notice a
// change.
struct PortStatus {
  bool link_up = false;  // frames can pass
  std::string reason;    // when not: why, in words for the user; else empty
  uint32_t mtu = 1500;   // bytes behind the Ethernet header, the outermost tag not counted
  OffloadSet accepted;   // unfinished work that may be sent to it
  int ifindex = 0;       // of its interface, in the namespace where that is; 0: there is none
  NetnsId netns;         // that namespace, where it is known
  // The address of an interface that is not the switch's own, and so the bridge's address. Zero
  // when there is no such interface.
  MacAddress address{};
  // That interface is a TAP that another process holds, a guest mostly, and the host is kept out.
  bool is_guests = false;

  bool operator==(const PortStatus&) const = default;
};

// Which port it is, and where it counts. `counters` outlives the port.
struct PortIdentity {
  PortId id;
  uint16_t generation = 0;
  std::string name;
  PortCounters* counters = nullptr;
};

class KernelSeat;

// The part that the kernel may take in the work of a port (interface/fastpath/kernel_forwarding.h).
struct KernelPath {
  bool is_interface = false;         // what leaves by its interface leaves by the port
  std::shared_ptr<KernelSeat> seat;  // counts what the port receives; null: flows cannot begin here
};

class Port {
 public:
  virtual ~Port() = default;

  [[nodiscard]] virtual const PortIdentity& identity() const = 0;
  [[nodiscard]] virtual const PortStatus& status() const = 0;

  // Attaches to the ring, which outlives the port, and starts to receive.
  [[nodiscard]] virtual absl::Status Start(Ring& ring) = 0;

  // Takes completions tagged with this port's id and generation, in order. The worker hands over
  // no more of them than `received` has room for.
  virtual void OnCompletions(std::span<const Completion> completions, FrameBatch& received) = 0;

  // For ports that read by themselves, a batch at a time, what they watch: called after all
  // completions of a turn when there was an Operation::kPoll for the port, and in the turns that
  // follow, without waiting, as long as it returns true: there may be more. Appends frames as far
  // as `received` has room, and never so many that other such ports would wait for long.
  [[nodiscard]] virtual bool Receive(FrameBatch& /*received*/) { return false; }

  // From the next Recycle on, or the next Receive, the port brings at most `frames` frames into a
  // turn, and never more than its own bound; `frames` is at least 1. What it does not bring waits
  // where it comes from.
  virtual void LimitReceiving(size_t /*frames*/) {}

  // Frames leave in the order given.
  virtual void Send(std::span<const WireFrame> frames) = 0;

  virtual void Recycle() = 0;

  // Tells that what was received up to the last Recycle has been sent: the ring has submitted since.
  virtual void OnSent() {}
  [[nodiscard]] virtual KernelPath kernel_path() const { return {}; }

  // Stops receiving without closing, after Start and before BeginClose. Once paused() is true, the
  // kernel has no read of this port, and what arrives waits in the queue that it comes from until
  // Resume. What was received before is delivered by OnCompletions, also on the way to the pause,
  // and Recycle is called as ever. Buffers, counters and the device are kept; the link is followed,
  // and Send sends. Returns false where the port cannot pause, as is the default: then nothing has
  // changed.
  [[nodiscard]] virtual bool Pause() { return false; }
  virtual void Resume() {}
  [[nodiscard]] virtual bool paused() const { return false; }

  // Called now and then, when all that its ring has received is recycled: a port that has received
  // nothing since the last call gives back what memory it can do without.
  virtual void ReleaseIdleMemory() {}

  // Whether something was refused for want of descriptors, of memory or of room in the ring, so
  // that nothing will tell when it would succeed. Asked after each of Start, OnCompletions,
  // Receive, Send, Recycle and OnLinkChange; Retry is called some time later then.
  [[nodiscard]] virtual bool wants_retry() const { return false; }
  // The time has come to try again; Receive follows. What fails once more is asked for once more.
  virtual void Retry() {}

  // Brings up to date what the kernel counts for the port, before the counters are looked at.
  virtual void RefreshCounters() {}

  // The kernel reported a change of some interface; `link` is ignored when it is not this port's.
  virtual void OnLinkChange(const LinkEvent& link) = 0;

  // Another thread has the answer to what the port asked about its interface.
  virtual void OnLinkAnswer() {}

  // Tells a port with several queues, or what stands in for one of them, that the status of the
  // first has changed. The worker of each queue has one such object, and calls all of this for it.
  // The first is that of the primary worker, whose view of the port counts.
  virtual void OnFirstQueueStatus(const PortStatus& /*first*/) {}

  // Nothing is received or sent from here on. Once closed() is true no operation is in flight and
  // the port may be destroyed.
  virtual void BeginClose() = 0;
  [[nodiscard]] virtual bool closed() const = 0;

  // Leaves the ring, so that any thread may destroy the port: closing a device can wait for the
  // kernel's locks. Precondition: closed().
  virtual void Detach() = 0;
};

}  // namespace tapswitch
