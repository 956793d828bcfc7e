// Answers as JSON, in the form and layout of iproute2.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/tapctl/render/render.h"

namespace tapswitch {

// Returns the answer without what iproute2 shows only when it is asked for more.
[[nodiscard]] nlohmann::ordered_json Reduced(const Request& request, nlohmann::ordered_json answer,
                                             const OutputOptions& options);

// Returns the value in a line, or laid out for people; ends in '\n'.
[[nodiscard]] std::string Dump(const nlohmann::ordered_json& value, bool pretty);

}  // namespace tapswitch
