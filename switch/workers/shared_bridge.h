// The bridge, and the right to touch it.
//
// Workers share nothing of a frame's way but the decision. That takes some 20 of the 1,400 ns that
// a frame costs, nearly all of which is the kernel's work for its I/O; so one lock is enough, which
// is taken once a batch and a few times more a turn, but never around reads and writes of frames.
// And what is learned is known to all workers at once. Where there is one worker nothing is locked,
// but in debug builds, so that whoever locks it twice hangs in the first test of it, however many
// workers.
//
// Whoever has to lock the bridge gets at it by a LockedBridge. A bare Bridge& is held by those who
// are called with the bridge locked, and so cannot lock it themselves:
//
//   PrimaryWorker        the compiler checks its use; most functions run within commands
//   its PortGates, OwnAddresses and Housekeeping, and FlowOffload, FdbPublisher: they are called by
//                        the primary worker, by lanes that decide, and by commands
//   BridgeProtocols      called by the bridge itself, and by commands
//   RunningSwitch        for the functions that commands are: PrimaryWorker::Run has the lock
//   Workers              a const one, for Bridge::Prepare, which needs no lock
//
// The Daemon owns the bridge, and sets it up before other threads know it.

#pragma once

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "switch/forwarding/bridge.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

// The state that workers share, and its lock.
class ABSL_LOCKABLE SharedBridge {
 public:
  enum class Users : uint8_t { kOne, kSeveral };

  // `bridge` outlives this.
  explicit SharedBridge(Bridge& bridge, Users users = Users::kOne)
      : bridge_(bridge), is_locked_(users == Users::kSeveral || kDebug) {}

  // Checks, in debug builds, that the calling thread has the lock. For functions that commands
  // call, which run with the lock held, but are written where the compiler cannot see that.
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK() {
    assert(!is_locked_ || owner_ == std::this_thread::get_id());
  }

 private:
  friend class LockedBridge;

#ifdef NDEBUG
  static constexpr bool kDebug = false;
#else
  static constexpr bool kDebug = true;
#endif

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (is_locked_) mutex_.lock();
    if (kDebug) owner_ = std::this_thread::get_id();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    if (kDebug) owner_ = std::thread::id();
    if (is_locked_) mutex_.unlock();
  }

  Bridge& bridge_;
  const bool is_locked_;
  std::mutex mutex_;
  std::atomic<std::thread::id> owner_{};  // in debug builds
  Tick latest_;
  bool primary_is_called_ = false;
};

// The lock on the bridge for as long as this lives, and the way to the bridge. Nobody who holds it
// waits for another worker.
class ABSL_SCOPED_LOCKABLE LockedBridge {
 public:
  explicit LockedBridge(SharedBridge& shared) ABSL_EXCLUSIVE_LOCK_FUNCTION(shared)
      : shared_(shared) {
    shared_.Lock();
  }
  ~LockedBridge() ABSL_UNLOCK_FUNCTION() { shared_.Unlock(); }
  LockedBridge(const LockedBridge&) = delete;
  LockedBridge& operator=(const LockedBridge&) = delete;

  [[nodiscard]] Bridge* operator->() const { return &shared_.bridge_; }
  [[nodiscard]] Bridge& operator*() const { return shared_.bridge_; }

  // The time as the bridge is told it, given what a worker has read: it never goes back, whoever
  // comes first.
  [[nodiscard]] Tick Advance(Tick now) const {
    return shared_.latest_ = std::max(shared_.latest_, now);
  }

  // Has the primary worker look at what came up; true for the one who is to wake it.
  [[nodiscard]] bool CallPrimary() const {
    return !std::exchange(shared_.primary_is_called_, true);
  }
  // The primary worker is about to look.
  void AnswerCall() const { shared_.primary_is_called_ = false; }

 private:
  SharedBridge& shared_;
};

}  // namespace tapswitch
