// tapctl upgrade.

#pragma once

#include "absl/status/statusor.h"
#include "switch/control/client/control_connection.h"

namespace tapswitch {

// Has a new process take over, and returns what the switch says of that. A path of a program is
// taken as from here.
[[nodiscard]] absl::StatusOr<ControlConnection::Json> RunUpgrade(ControlConnection& connection,
                                                                 nlohmann::json params);

}  // namespace tapswitch
