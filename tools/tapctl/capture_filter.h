// Compiles filter expressions of tcpdump(8).

#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace tapswitch {

// Compiles a filter for `capture.start`. This happens here and not in the switch, because names in
// the expression are looked up, which may take any time. InvalidArgument says what is wrong with
// it.
[[nodiscard]] absl::StatusOr<nlohmann::json> CompileFilter(const std::string& expression);

}  // namespace tapswitch
