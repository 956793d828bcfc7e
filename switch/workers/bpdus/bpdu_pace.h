// Bounds what a flood of BPDUs costs: a port that brings more than any bridge sends is read once a
// tick, not whenever a frame comes.
//
// A flood is dear not by the BPDUs, of which a protocol looks at few, but by the
// wake-up of a thread and the system call that each of them takes: 100,000 a second took a third of
// a processor. What arrives meanwhile waits in the queue of the port's own interface or socket.
// Other frames of the port wait with them, up to two ticks, and are lost with them once that queue
// is full; other ports gain. A port that cannot pause lightly, as one on a Unix socket, is left as
// it is.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "switch/forwarding/frame.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/stats.h"

namespace tapswitch {

class BpduPace {
 public:
  // A port that brings fewer BPDUs in a tick is not paced: 3,200 a second. A bridge sends ten a
  // second at most.
  static constexpr uint64_t kUnpaced = 32;
  // The maximum of BPDUs that are read of a port in a tick, some 0.15 ms of work.
  static constexpr uint64_t kMost = 128;
  // A port that brought fewer frames in a turn has nothing left that waits.
  static constexpr size_t kFew = 16;

  // Takes a turn: its frames, the ports that brought them, and what is counted of these since.
  // Returns those that are not to be read again before the next tick.
  [[nodiscard]] PortSet Update(const PortSet& active, std::span<const Frame> frames,
                               std::span<const PortCounters> counters, Tick now);

 private:
  struct Share {
    uint64_t counted = 0;  // BPDUs so far, as the counter says
    uint64_t in_tick = 0;  // of them, in this tick
    Tick tick;
  };

  std::vector<Share> shares_ = std::vector<Share>(kMaxPorts);  // by port
};

}  // namespace tapswitch
