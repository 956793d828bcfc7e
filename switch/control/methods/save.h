// The configuration as a batch of tapctl commands.

#pragma once

#include <string>
#include <vector>

#include "switch/control/apply/bridge_control.h"

namespace tapswitch {

// Commands, without "tapctl", that make the same bridge of an empty one: its settings, ports, their
// settings (without those that are ephemeral), and the entries that do not age (static, permanent,
// extern_learn) except the bridge's own address, which is new at each start.
[[nodiscard]] std::vector<std::string> SaveAsCommands(const BridgeControl& control);

}  // namespace tapswitch
