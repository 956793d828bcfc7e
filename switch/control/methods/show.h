// The state of the switch as JSON, with the names, types and units of `ip -j` and `bridge -j` where
// these know the thing.

#pragma once

#include <nlohmann/json.hpp>

#include "switch/control/apply/bridge_control.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

[[nodiscard]] nlohmann::ordered_json ShowBridge(const BridgeControl& control,
                                                const SwitchSnapshot& snapshot);

// Adds the guest that is told of the port's carrier, if there is one, to the details of the port.
void ShowGuest(const BridgeControl& control, const PortConfig& config,
               nlohmann::ordered_json& port);

// `snapshot` is null for a port that has no device: it could not be opened again.
[[nodiscard]] nlohmann::ordered_json ShowPort(const PortConfig& config,
                                              const PortSnapshot* snapshot);
[[nodiscard]] nlohmann::ordered_json ShowLink(const BridgeControl& control,
                                              const PortConfig& config,
                                              const PortSnapshot* snapshot);

[[nodiscard]] nlohmann::ordered_json ShowLoopDetection(const BridgeControl& control,
                                                       const SwitchSnapshot& snapshot);

// VLANs in ranges, as bridge(8) has them.
[[nodiscard]] nlohmann::ordered_json ShowVlanSet(const VlanSet& vlans);

// By which guard the port is shut down, and for how long still; nothing when it is not.
void ShowShutDown(const PortSnapshot* snapshot, nlohmann::ordered_json& shown);

}  // namespace tapswitch
