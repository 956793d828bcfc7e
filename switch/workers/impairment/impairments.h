// The impairments of all ports (forwarding/impairment/), which workers share.
//
// A direction of a port has one state, whichever worker receives or sends the frame: so its fates
// have one order, its rate is one, and what is held is released in order. Any worker admits frames;
// the primary alone releases them. One lock guards all of it, which only frames of impaired ports
// take.

#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "ports/os/mutex.h"
#include "switch/forwarding/impairment/impaired_direction.h"
#include "switch/forwarding/port_set.h"

namespace tapswitch {

// The state of an impaired direction, for people.
struct ImpairmentSnapshot {
  ImpairmentCounters counters;
  size_t held = 0;
  Nanoseconds began = 0;
};
using PortImpairmentSnapshot =
    std::array<std::optional<ImpairmentSnapshot>, kPortDirectionCount>;  // by PortDirection

class ABSL_LOCKABLE Impairments {
 public:
  // The frames of a port that are impaired.
  struct Ports {
    PortSet ingress;
    PortSet egress;
    PortSet keeping_gso;  // of those in `egress`

    [[nodiscard]] bool empty() const { return ingress.empty() && egress.empty(); }
  };

  // The time by which impairments go: MonotonicTime.
  [[nodiscard]] static Nanoseconds Now();

  // `wake` has the primary look again, from any thread. Null: nobody else admits frames.
  void set_wake(std::function<void()> wake);

  // ---- By the control thread. The caller then tells the lanes which ports are impaired.

  // Puts another impairment in place, or none. Frames that the one before holds are released when
  // their time comes; at once, if there is none any more.
  void Set(PortId port, PortDirection direction, std::unique_ptr<ImpairedDirection> impaired);
  // Forgets a port that has gone, with what is held for it.
  void Forget(PortId port);
  // Releases all that is held at the next occasion, as another process takes over.
  void ReleaseAll();
  [[nodiscard]] Ports ports() const;
  [[nodiscard]] PortImpairmentSnapshot Snapshot(PortId port) const;
  [[nodiscard]] size_t held() const;

  // ---- By workers, who hold the lock for all of it (ImpairmentLock).

  // Null when the direction is not impaired.
  [[nodiscard]] ImpairedDirection* Find(PortId port, PortDirection direction)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  // Frames were admitted: the primary is woken, if it sleeps for longer than it may now.
  void Admitted(const ImpairedDirection& impaired) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);

  // Takes frames of one direction of ports that are due, as long as `take(PortId, HeldFrame)` is
  // true. They stay in place until FreeTaken.
  template <typename Take>
  void TakeDue(PortDirection direction, Nanoseconds now, const Take& take)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  void FreeTaken() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  [[nodiscard]] bool has_taken() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  // When the next frame is due, until which the primary then sleeps; kNoMoment: none is held.
  [[nodiscard]] Nanoseconds Sleep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);

 private:
  friend class ImpairmentLock;

  struct Entry {
    PortId port;
    PortDirection direction = PortDirection::kIngress;
    std::unique_ptr<ImpairedDirection> impaired;
    bool is_leaving = false;  // it holds what it still has to release
  };

  void Lock() const ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.Lock(); }
  void Unlock() const ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  void EraseIdle();

  mutable Mutex mutex_;
  std::function<void()> wake_;
  std::vector<Entry> entries_;  // those that leave come before what took their place
  Nanoseconds sleeps_until_ = 0;
};

// Holds the lock for as long as it lives.
class ABSL_SCOPED_LOCKABLE ImpairmentLock {
 public:
  explicit ImpairmentLock(const Impairments& all) ABSL_EXCLUSIVE_LOCK_FUNCTION(all) : all_(all) {
    all_.Lock();
  }
  ~ImpairmentLock() ABSL_UNLOCK_FUNCTION() { all_.Unlock(); }
  ImpairmentLock(const ImpairmentLock&) = delete;
  ImpairmentLock& operator=(const ImpairmentLock&) = delete;

 private:
  const Impairments& all_;
};

template <typename Take>
void Impairments::TakeDue(PortDirection direction, Nanoseconds now, const Take& take) {
  for (Entry& entry : entries_) {
    if (entry.direction != direction) continue;
    HeldFrames& held = entry.impaired->held();
    while (held.next_release() <= now) {
      const HeldFrame* const frame = held.TakeDue(now);
      if (frame == nullptr || !take(entry.port, *frame)) return;
    }
  }
}

}  // namespace tapswitch
