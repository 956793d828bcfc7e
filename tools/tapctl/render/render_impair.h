// Links that misbehave, as text.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/tapctl/render/render.h"

namespace tapswitch {

// Renders the answer of impair.list: a line for each direction, in the words of `impair set`, so
// that it can be fed back; its schedule, in those of `impair schedule`; and with statistics what
// has become of frames.
[[nodiscard]] std::string RenderImpairments(const nlohmann::ordered_json& list,
                                            const OutputOptions& options);

// Says of a port of port.list what is impaired, in parentheses; empty if nothing is.
[[nodiscard]] std::string ImpairedText(const nlohmann::ordered_json& port);

}  // namespace tapswitch
