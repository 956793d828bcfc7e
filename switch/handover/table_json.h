// Entries of the address table, changes of it, and neighbours, as JSON.
//
// An entry is an array [VLAN, address, port, last seen, "WORD ..."], as there may be a million.

#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "absl/status/statusor.h"
#include "switch/forwarding/fdb/change_journal.h"
#include "switch/forwarding/fdb/mac_entry.h"
#include "switch/protocol/neighbours/neighbour_table.h"

namespace tapswitch {

[[nodiscard]] nlohmann::json EntriesToJson(const std::vector<MacEntry>& entries);
[[nodiscard]] nlohmann::json ChangesToJson(const std::vector<Change>& changes);
[[nodiscard]] nlohmann::json NeighboursToJson(const std::vector<Neighbour>& neighbours);

// InvalidArgument when something has no sense. Words and kinds of changes that are not known are
// ignored.
[[nodiscard]] absl::StatusOr<std::vector<MacEntry>> EntriesFromJson(const nlohmann::json& shown);
[[nodiscard]] absl::StatusOr<std::vector<Change>> ChangesFromJson(const nlohmann::json& shown);
[[nodiscard]] absl::StatusOr<std::vector<Neighbour>> NeighboursFromJson(
    const nlohmann::json& shown);

}  // namespace tapswitch
