// Ports, their flags and mirrors as text.

#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/tapctl/render/render.h"

namespace tapswitch {

// The members of a link that are shown without details.
inline constexpr std::array kLinkBasics{"ifindex", "ifname", "flags",    "mtu",
                                        "master",  "state",  "priority", "cost"};

// Returns the first line of a link, which ends as that of iproute2.
[[nodiscard]] std::string LinkText(const nlohmann::ordered_json& link);

// Renders the answer of link.list.
[[nodiscard]] std::string RenderLinks(const nlohmann::ordered_json& list,
                                      const OutputOptions& options);

// Renders the answer of port.list.
[[nodiscard]] std::string RenderPorts(const nlohmann::ordered_json& list,
                                      const OutputOptions& options);

// Renders the answer of mirror.list.
[[nodiscard]] std::string RenderMirrors(const nlohmann::ordered_json& list);

}  // namespace tapswitch
