// Events of the monitor as text.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/tapctl/render/render.h"

namespace tapswitch {

// Returns one event of the monitor in one line, after a line with the time if that is wanted. With
// `label`, the object stands in front, as [LINK], which is needed if events of several objects
// come.
[[nodiscard]] std::string RenderEvent(const nlohmann::ordered_json& event, bool label,
                                      const OutputOptions& options);

}  // namespace tapswitch
