// Groups, their members, and what multicast snooping knows besides, as JSON.

#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "absl/status/statusor.h"
#include "switch/forwarding/fdb/multicast_group.h"
#include "switch/protocol/multicast/snooping_memory.h"

namespace tapswitch {

[[nodiscard]] nlohmann::json GroupsToJson(const std::vector<GroupMemory>& groups);
[[nodiscard]] nlohmann::json SnoopingToJson(const SnoopingMemory& memory);

// InvalidArgument when something has no sense.
[[nodiscard]] absl::StatusOr<std::vector<GroupMemory>> GroupsFromJson(const nlohmann::json& shown);
[[nodiscard]] absl::StatusOr<SnoopingMemory> SnoopingFromJson(const nlohmann::json& shown);

}  // namespace tapswitch
