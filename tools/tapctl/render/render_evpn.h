// VNIs as text.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/tapctl/render/render.h"

namespace tapswitch {

// Renders the answer of evpn.list; with statistics the counters, with details the lines for FRR.
[[nodiscard]] std::string RenderVnis(const nlohmann::ordered_json& list,
                                     const OutputOptions& options);

}  // namespace tapswitch
