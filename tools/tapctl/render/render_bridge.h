// The bridge, what the kernel forwards for it, loop detection and traces as text.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/tapctl/render/render.h"

namespace tapswitch {

// Render the answers of bridge.list, kernel.list, loop.list and trace.
[[nodiscard]] std::string RenderBridge(const nlohmann::ordered_json& list,
                                       const OutputOptions& options);
[[nodiscard]] std::string RenderKernel(const nlohmann::ordered_json& list,
                                       const OutputOptions& options);
[[nodiscard]] std::string RenderLoopDetection(const nlohmann::ordered_json& list);
[[nodiscard]] std::string RenderTrace(const nlohmann::ordered_json& trace);

}  // namespace tapswitch
