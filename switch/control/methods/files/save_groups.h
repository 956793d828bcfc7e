// The part of save.h that is about multicast groups: entries that last, and the difference between
// two tables, as commands.

#pragma once

#include <string>
#include <vector>

#include "switch/control/apply/bridge_control.h"

namespace tapswitch {

// Appends the commands that make the permanent entries.
void SaveGroups(const BridgeControl& control, std::vector<std::string>& lines);

// The commands that make the entries of `after` of those of `before`. Those of a port that is
// removed have gone with it.
[[nodiscard]] std::vector<std::string> GroupCommandsBetween(const BridgeControl& before,
                                                            const BridgeControl& after);

}  // namespace tapswitch
