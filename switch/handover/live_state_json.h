// LiveState as JSON.

#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "switch/handover/handover_state.h"

namespace tapswitch {

[[nodiscard]] nlohmann::json LiveStateToJson(const LiveState& live);

// InvalidArgument names what has no sense. Names that are not known are ignored.
[[nodiscard]] absl::StatusOr<LiveState> LiveStateFromJson(const nlohmann::json& shown);

}  // namespace tapswitch
