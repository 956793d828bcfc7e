// The neighbours that a user has set, as tapctl commands.

#pragma once

#include <string>
#include <vector>

#include "switch/control/apply/bridge_control.h"

namespace tapswitch {

// Appends the commands that set them.
void SaveNeighbours(const BridgeControl& control, std::vector<std::string>& lines);

// Returns the commands that turn those of `before` into those of `after`, once the rest of its
// configuration is in effect.
[[nodiscard]] std::vector<std::string> NeighbourCommandsBetween(const BridgeControl& before,
                                                                const BridgeControl& after);

}  // namespace tapswitch
