// Multicast groups and snooping as text.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/tapctl/render/render.h"

namespace tapswitch {

// Renders one entry of a group, as `bridge mdb show` does, without the end of the line.
[[nodiscard]] std::string GroupEntryText(const nlohmann::ordered_json& row,
                                         const OutputOptions& options);

// Render the answers of mdb.list, multicast.list, multicast.doctor and vlan.global_list.
[[nodiscard]] std::string RenderGroups(const nlohmann::ordered_json& list,
                                       const OutputOptions& options);
[[nodiscard]] std::string RenderMulticast(const nlohmann::ordered_json& list,
                                          const OutputOptions& options);
[[nodiscard]] std::string RenderDoctor(const nlohmann::ordered_json& list);
[[nodiscard]] std::string RenderVlansGlobally(const nlohmann::ordered_json& list);

}  // namespace tapswitch
