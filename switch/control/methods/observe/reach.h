// Which ports reach which others, computed from their state and settings. It is about what may
// pass, not about what passes: no address is looked up, and no frame is sent.

#pragma once

#include <string>
#include <vector>

#include "switch/control/config/bridge_config.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

// Whether frames of hosts behind one port may leave by another.
struct Reach {
  std::string from;
  std::string to;
  VlanSet vlans;                    // in which they may; empty while VLANs are not filtered
  std::string obstacle;             // why none may; empty: some may
  std::vector<std::string> limits;  // what may not, or not by itself, although some may

  [[nodiscard]] bool reaches() const { return obstacle.empty(); }
  bool operator==(const Reach&) const = default;
};

// Judges each ordered pair of different ports, in the order of the configuration. A port that the
// snapshot lacks has no device.
[[nodiscard]] std::vector<Reach> JudgeReach(const BridgeConfig& config,
                                            const SwitchSnapshot& snapshot);

}  // namespace tapswitch
