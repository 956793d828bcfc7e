// The life of a port: it starts, may pause, tries again what was refused, and closes.
//
//   Start -> (frames, Pause, Resume)* -> BeginClose -> completions* -> closed() -> Detach

#pragma once

#include <cstddef>
#include <functional>

#include "absl/status/status.h"
#include "ports/port_handover.h"
#include "ports/ring/ring.h"

namespace tapswitch {

class PortLife {
 public:
  virtual ~PortLife() = default;
  PortLife(const PortLife&) = delete;
  PortLife& operator=(const PortLife&) = delete;

  // Attaches to the ring, which outlives the port, and starts to receive.
  [[nodiscard]] virtual absl::Status Start(Ring& ring) = 0;

  // Stops receiving without closing, after Start and before BeginClose. Once paused() is true, the
  // kernel has no read of this port, and what arrives waits in the queue that it comes from until
  // Resume. What was received before is delivered by OnCompletions, also on the way to the pause,
  // and Recycle is called as ever. Buffers, counters and the device are kept; the link is followed,
  // and Send sends. Returns false where the port cannot pause, as is the default: then nothing has
  // changed.
  [[nodiscard]] virtual bool Pause() { return false; }
  virtual void Resume() {}
  [[nodiscard]] virtual bool paused() const { return false; }
  // Whether a pause of some milliseconds stops nothing but receiving, and costs next to nothing.
  [[nodiscard]] virtual bool pauses_lightly() const { return false; }

  // Adds what a successor needs to go on with queue number `queue` of the port. False where the
  // port cannot be handed over, as is the default. Called after Start.
  [[nodiscard]] virtual bool HandOver(size_t /*queue*/, PortHandover& /*to*/) const {
    return false;
  }
  // Adds the rest, once for all queues; null where there is none. It is called by the thread that
  // asks after interfaces, while the port is there.
  [[nodiscard]] virtual HandOverInterface hand_over_interface() const { return nullptr; }

  // Returns a function by which the other end of the port's link is told whether there is a
  // carrier; null where the medium has none. It is called by the thread that asks after interfaces,
  // while the port is there; an error says what can be done instead.
  using CarrierSwitch = std::function<absl::Status(bool is_on)>;
  [[nodiscard]] virtual CarrierSwitch carrier_switch() const { return nullptr; }

  // Adds what is only known once it has paused, and takes that over: the successor's port is
  // paused, too, and goes on where the first one ended. False when there are no descriptors.
  [[nodiscard]] virtual bool HandOverPaused(PortHandover& /*to*/) const { return true; }
  virtual void TakeOverPaused(PortHandover& /*from*/) {}

  // Called now and then, when all that its ring has received is recycled: a port that has received
  // nothing since the last call gives back what memory it can do without.
  virtual void ReleaseIdleMemory() {}

  // Whether something was refused for want of descriptors, of memory or of room in the ring, so
  // that nothing will tell when it would succeed. Asked after each of Start, OnCompletions,
  // Receive, Send, Recycle and OnLinkChange; Retry is called some time later then.
  [[nodiscard]] virtual bool wants_retry() const { return false; }
  // The time has come to try again; Receive follows. What fails once more is asked for once more.
  virtual void Retry() {}

  // Nothing is received or sent from here on. Once closed() is true no operation is in flight and
  // the port may be destroyed.
  virtual void BeginClose() = 0;
  [[nodiscard]] virtual bool closed() const = 0;

  // Leaves the ring, so that any thread may destroy the port: closing a device can wait for the
  // kernel's locks. Precondition: closed().
  virtual void Detach() = 0;

 protected:
  PortLife() = default;
};

}  // namespace tapswitch
