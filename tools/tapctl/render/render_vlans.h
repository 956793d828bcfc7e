// VLANs of ports as text.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tapswitch {

// Returns the VLANs of a port, a line each, as bridge(8) lays them out: the name before the first.
[[nodiscard]] std::string VlansText(const nlohmann::ordered_json& port);

// Renders the answer of vlan.list.
[[nodiscard]] std::string RenderVlans(const nlohmann::ordered_json& list);

// Returns the VLANs one by one, as bridge(8) shows them unless it is told to compress.
[[nodiscard]] nlohmann::ordered_json WithoutRanges(const nlohmann::ordered_json& vlans);

}  // namespace tapswitch
