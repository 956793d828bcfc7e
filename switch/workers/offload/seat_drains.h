// Seats (kernel_forwarding.h) that are drained: frames of their pending flows are dropped rather
// than queued, where the sockets lose frames anyway, so that the flows begin.
//
// It goes on for a moment only. Where that is in vain, as others than pending flows fill the
// sockets, there is a pause, which is longer each time.
//
// One thread at a time uses it.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "ports/interface/fastpath/kernel_forwarding.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

class SeatDrains {
 public:
  using Seat = std::shared_ptr<KernelSeat>;

  static constexpr std::chrono::milliseconds kMostDraining{100};
  static constexpr Ticks kLeastPause{1000};
  static constexpr Ticks kMostPause{30000};

  [[nodiscard]] bool empty() const { return drains_.empty(); }
  [[nodiscard]] bool has(const Seat& seat) const { return Find(seat) != drains_.end(); }

  // Drains the seat from `time` on, unless that was in vain lately.
  void Begin(const Seat& seat, std::chrono::nanoseconds time, Tick now) {
    const auto pause = pauses_.find(seat->number());
    if (has(seat) || (pause != pauses_.end() && pause->second.until > now)) return;
    seat->Drain(true);
    drains_.push_back({.seat = seat, .since = time});
  }

  // Whether the seat is drained, and has been for as long as it may.
  [[nodiscard]] bool IsOver(const Seat& seat, std::chrono::nanoseconds time) const {
    const auto found = Find(seat);
    return found != drains_.end() && time - found->since > kMostDraining;
  }

  // A flow of the seat has begun.
  void OnBegun(const Seat& seat) {
    if (has(seat)) pauses_.erase(seat->number());
  }
  // A flow of the seat was given up. Where the seat is empty, its frames have stopped.
  void OnGivenUp(const Seat& seat, Tick now) {
    if (!has(seat) || seat->is_empty()) return;
    Pause& pause =
        pauses_.try_emplace(seat->number(), Pause{.until = now, .next = kLeastPause}).first->second;
    if (pause.until > now) return;  // for another flow of the same seat
    pause.until = now + pause.next;
    pause.next = {std::min(pause.next.centiseconds * 2, kMostPause.centiseconds)};
  }

  // Ends the draining of seats that no flow waits for.
  template <typename IsWaitedFor>
  void EndOthers(IsWaitedFor is_waited_for) {
    std::erase_if(drains_, [&](const Drain& drain) {
      if (is_waited_for(drain.seat)) return false;
      drain.seat->Drain(false);
      return true;
    });
  }
  void EndAll() {
    EndOthers([](const Seat&) { return false; });
  }

 private:
  struct Drain {
    Seat seat;
    std::chrono::nanoseconds since;
  };
  struct Pause {
    Tick until;
    Ticks next;
  };

  [[nodiscard]] std::vector<Drain>::const_iterator Find(const Seat& seat) const {
    return std::find_if(drains_.begin(), drains_.end(),
                        [&](const Drain& drain) { return drain.seat == seat; });
  }

  std::vector<Drain> drains_;
  absl::flat_hash_map<uint32_t, Pause> pauses_;  // by seat
};

}  // namespace tapswitch
