// Filter expressions, as tcpdump(8) takes them.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace tapswitch {

// What `capture.start` takes as its filter. Compiled here and not by the switch: names in it are looked
// up, which may take as long as it likes. InvalidArgument says what is wrong with it.
[[nodiscard]] absl::StatusOr<nlohmann::json> CompileFilter(const std::string& expression);

}  // namespace tapswitch
