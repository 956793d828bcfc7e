// The profile of a port as text.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tapswitch {

// Renders the answer of port.explain: a line for each setting that profiles set.
[[nodiscard]] std::string RenderProfile(const nlohmann::ordered_json& explained);

}  // namespace tapswitch
