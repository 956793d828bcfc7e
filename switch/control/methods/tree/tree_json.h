// The spanning tree as JSON.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "switch/control/apply/bridge_control.h"
#include "switch/protocol/stp/tree.h"

namespace tapswitch {

// Returns an identifier as `8000.aa:bb:cc:dd:ee:ff`.
[[nodiscard]] std::string IdText(const stp::BridgeIdentifier& id);

// Returns the tree of the bridge, with `dev` that port only.
[[nodiscard]] nlohmann::ordered_json ShowTree(const BridgeControl& control,
                                              const SpanningTreeSnapshot& tree,
                                              const std::string& dev);

// Returns why something has become of a port, in a few words.
[[nodiscard]] std::string ReasonOf(const BridgeControl& control, const stp::Event& event);

}  // namespace tapswitch
