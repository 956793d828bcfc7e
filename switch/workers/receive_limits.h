// Bounds how long the frames of one port keep those of others waiting.
//
// A flooded frame costs a turn as many writes as it has copies. While several ports bring frames, a
// port whose frames are flooded may bring only as many into the next turn as make kCopiesPerTurn
// copies. The rest waits where it waited before: in the queue of the port's own interface or
// socket. Measured: the round trip of two ports beside a third that floods four has its p99 at 0.34
// ms (4.0 ms without limits); the third floods 0.7 times as much. A port that is alone is not
// limited.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "switch/forwarding/egress/egress_lists.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"

namespace tapswitch {

class ReceiveLimits {
 public:
  // Some 20 us of writes to TAPs.
  static constexpr size_t kCopiesPerTurn = 16;
  // How long limits stay after a turn in which another port brought frames.
  static constexpr Ticks kMemory{10};
  static constexpr size_t kUnlimited = FrameBatch::kCapacity;

  // Takes the frames of a turn and where they go. Returns the ports whose limit has changed.
  PortSet Update(std::span<const Frame> frames, const EgressLists& egress, Tick now);

  // Returns how many frames `port` may bring into a turn, at least 1.
  [[nodiscard]] size_t of(PortId port) const {
    return limited_.contains(port) ? shares_[port.value].limit : kUnlimited;
  }

 private:
  struct Share {
    uint32_t frames = 0;
    uint32_t copies = 0;
    uint16_t limit = 0;
  };

  PortSet Count(std::span<const Frame> frames, const EgressLists& egress);
  bool SetLimit(PortId port);

  Tick contested_until_{0};  // several ports bring frames until then
  PortSet limited_;
  std::array<Share, kMaxPorts> shares_{};  // by ingress port
};

}  // namespace tapswitch
