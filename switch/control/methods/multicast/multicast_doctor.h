// Finds faults of multicasts, and names the cure of each.

#pragma once

#include <string>
#include <vector>

#include "switch/control/apply/bridge_control.h"

namespace tapswitch {

struct MulticastFinding {
  std::string problem;  // a name for programs
  std::string where;    // the port or VLAN that it is about; empty: the bridge
  std::string text;     // what is so
  std::string cure;
};

[[nodiscard]] std::vector<MulticastFinding> DiagnoseMulticast(const BridgeControl& control);

}  // namespace tapswitch
