// The command `release`: has the switch give back the bridge that it took over, or does so itself
// where the switch does not run any more.

#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "switch/control/client/control_connection.h"

namespace tapswitch {

// `bridge` is the switch that the user means, as for FindSocket; calls wait for `patience` seconds.
// Returns an answer as the method bridge.release gives it.
[[nodiscard]] absl::StatusOr<ControlConnection::Json> RunRelease(
    const std::optional<std::string>& bridge, int patience, const nlohmann::json& params);

}  // namespace tapswitch
