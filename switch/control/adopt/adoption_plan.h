// The plan of taking over a bridge of the kernel: the commands that make the switch like it, and
// the things that the switch cannot do for it.

#pragma once

#include <string>
#include <vector>

#include "ports/netlink/linux_bridge.h"

namespace tapswitch {

struct AdoptionPlan {
  // Commands of tapctl, as `apply --merge` carries them out.
  std::vector<std::string> commands;
  // A line each: what is not kept; what has to be changed before the bridge can be taken over.
  std::vector<std::string> lost;
  std::vector<std::string> refused;
};

// `uplink` is the name of the TAP by which the bridge device, which keeps its addresses, becomes a
// station of the switch.
[[nodiscard]] AdoptionPlan PlanAdoption(const LinuxBridge& bridge, const std::string& uplink);

// A name for that TAP, which the kernel takes as one of an interface.
[[nodiscard]] std::string UplinkName(const std::string& bridge);

}  // namespace tapswitch
