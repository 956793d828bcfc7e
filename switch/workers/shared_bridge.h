// The bridge, and the right to touch it.
//
// Workers share nothing of a frame's way but the decision. That takes some 20 of the 1,400 ns that a
// frame costs, nearly all of which is the kernel's work for its I/O; so one lock is enough, which is
// taken once a batch and a few times more a turn, but never around reads and writes of frames. And
// what is learned is known to all workers at once. Where there is one worker nothing is locked, but in
// debug builds, so that whoever locks it twice hangs in the first test of it, however many workers.

#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <utility>

#include "switch/forwarding/bridge.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

class SharedBridge {
 public:
  enum class Users : uint8_t { kOne, kSeveral };

  // `bridge` outlives this.
  explicit SharedBridge(Bridge& bridge, Users users = Users::kOne)
      : bridge_(bridge), is_locked_(users == Users::kSeveral || kDebug) {}

  // Everything below is for who holds this. Nobody waits for another worker meanwhile.
  [[nodiscard]] std::unique_lock<std::mutex> Lock() {
    return is_locked_ ? std::unique_lock(mutex_) : std::unique_lock<std::mutex>();
  }

  [[nodiscard]] Bridge& bridge() { return bridge_; }

  // The time as the bridge is told it, given what a worker has read: it never goes back, whoever
  // comes first.
  [[nodiscard]] Tick Advance(Tick now) { return latest_ = std::max(latest_, now); }

  // Has the primary worker look at what came up; true for the one who is to wake it.
  [[nodiscard]] bool CallPrimary() { return !std::exchange(primary_is_called_, true); }
  // It is about to look.
  void AnswerCall() { primary_is_called_ = false; }

 private:
#ifdef NDEBUG
  static constexpr bool kDebug = false;
#else
  static constexpr bool kDebug = true;
#endif

  Bridge& bridge_;
  const bool is_locked_;
  std::mutex mutex_;
  Tick latest_;
  bool primary_is_called_ = false;
};

}  // namespace tapswitch
