// The spanning tree as text.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/tapctl/render/render.h"

namespace tapswitch {

// Renders the answer of stp.list; with statistics the counters and timers of each port.
[[nodiscard]] std::string RenderTree(const nlohmann::ordered_json& list,
                                     const OutputOptions& options);

// Renders an event about the tree.
[[nodiscard]] std::string TreeEventText(const nlohmann::ordered_json& event);

}  // namespace tapswitch
