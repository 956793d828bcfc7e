// The handover from one process to another as text.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tapswitch {

// Renders the answer of bridge.upgrade.
[[nodiscard]] std::string RenderHandover(const nlohmann::ordered_json& answer);

// Renders what the bridge says of the process before; empty if there was none.
[[nodiscard]] std::string HandoverText(const nlohmann::ordered_json& bridge);

}  // namespace tapswitch
