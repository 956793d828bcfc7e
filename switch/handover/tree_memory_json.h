// The spanning tree that another process goes on with, as JSON.

#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "switch/protocol/stp/tree.h"

namespace tapswitch {

[[nodiscard]] nlohmann::json TreeToJson(const stp::Tree::Memory& memory);

// InvalidArgument when something has no sense.
[[nodiscard]] absl::StatusOr<stp::Tree::Memory> TreeFromJson(const nlohmann::json& shown);

}  // namespace tapswitch
