// The guards of ports as text.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tapswitch {

// Renders the answer of storm.list or security.list: the settings that are not the defaults, in the
// words that set them, and what was dropped. A port about which there is nothing to say is left
// out, unless `has_all`.
[[nodiscard]] std::string RenderGuards(const nlohmann::ordered_json& list, bool has_all);

// Returns which guard has shut the port down, and for how long, in parentheses; empty if none has.
[[nodiscard]] std::string ShutDownText(const nlohmann::ordered_json& port);

// Returns all members that are not zero, each with a space in front, or else " none".
[[nodiscard]] std::string NonZeroText(const nlohmann::ordered_json& counts);

}  // namespace tapswitch
