// The part of save.h that is about the address table: its entries, and the difference between two,
// as commands.

#pragma once

#include <string>
#include <vector>

#include "switch/control/apply/bridge_control.h"

namespace tapswitch {

// Appends the commands that make the entries that do not age.
void SaveEntries(const BridgeControl& control, std::vector<std::string>& lines);

// The commands that make the entries of `after` of those of `before`. Those of a port that is
// removed, or of a VLAN that its port leaves, have gone with it. An address with another set of
// ports is made anew.
[[nodiscard]] std::vector<std::string> EntryCommandsBetween(const BridgeControl& before,
                                                            const BridgeControl& after);

// Whether a port is the same port as `other`, which may be null: one with another text is made
// anew.
[[nodiscard]] bool IsKept(const PortConfig* other, const PortConfig& port);

}  // namespace tapswitch
