// The configuration, and the difference between two, as batches of tapctl commands.

#pragma once

#include <string>
#include <vector>

#include "switch/control/apply/bridge_control.h"

namespace tapswitch {

// Commands, without "tapctl", that make the same bridge of an empty one: its settings, ports, their
// settings (without those that are ephemeral), the entries that do not age (static, permanent,
// extern_learn) except the bridge's own address, which is new at each start, and the neighbours
// that a user has set.
[[nodiscard]] std::vector<std::string> SaveAsCommands(const BridgeControl& control);

// Commands for the configuration alone, with the ports that are ephemeral.
[[nodiscard]] std::vector<std::string> SaveConfigAsCommands(const BridgeControl& control);

// Commands that make `after` of `before`, in an order in which they can be carried out; empty if
// both are alike in what is saved. Ports that are ephemeral in both are left alone.
struct BridgeDifference {
  std::vector<std::string> config;
  std::vector<std::string> entries;  // of the tables, once the configuration is made
};
[[nodiscard]] BridgeDifference CommandsBetween(const BridgeControl& before,
                                               const BridgeControl& after);

}  // namespace tapswitch
