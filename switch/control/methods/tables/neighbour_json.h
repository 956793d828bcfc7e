// Neighbours as the methods show them.

#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "switch/control/apply/bridge_control.h"

namespace tapswitch {

// Returns the state of a neighbour.
//
// REACHABLE: questions for it are kept from ports with neigh_suppress. STALE: nobody knows where
// its station is. PERMANENT: it was set, by hand or by a routing daemon, and does not age.
[[nodiscard]] std::string_view StateOf(const BridgeControl::NeighbourEntry& entry, Tick now);

// Returns its members, with the names of `ip -j neigh`.
[[nodiscard]] nlohmann::ordered_json ShowNeighbour(const BridgeControl& control,
                                                   const BridgeControl::NeighbourEntry& entry,
                                                   Tick now);

}  // namespace tapswitch
