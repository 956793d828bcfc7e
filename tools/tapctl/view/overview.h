// The command `show`: the switch on one screen, and what is wrong with it now; and the table of
// ports that it has in common with `-br port show`. Pure, so that it is tested without a switch.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/tapctl/render/render.h"

namespace tapswitch {

// The answers to bridge.list, port.list and vlan.list at one moment.
struct Overview {
  nlohmann::ordered_json bridge;
  nlohmann::ordered_json ports;
  nlohmann::ordered_json vlans;
};

// Returns a table with a line for each port. `vlans` may be null: then it has no column for them.
[[nodiscard]] std::string RenderPortTable(const nlohmann::ordered_json& ports,
                                          const nlohmann::ordered_json& vlans,
                                          const OutputOptions& options);

// Returns the first line about the bridge, the table of ports, and a line for each thing that is
// wrong, with what can be done about it.
[[nodiscard]] std::string RenderOverview(const Overview& overview, const OutputOptions& options);

}  // namespace tapswitch
