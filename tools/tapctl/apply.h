// The command `apply`: has the switch make itself what a file says.

#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "switch/control/client/control_connection.h"

namespace tapswitch {

// Reads the file that the parameters name ("-": standard input) and has the switch apply it.
// Returns the answer, which has the commands that were carried out, or would be. InvalidArgument if
// the file cannot be read.
[[nodiscard]] absl::StatusOr<ControlConnection::Json> RunApply(ControlConnection& connection,
                                                               const nlohmann::json& params);

}  // namespace tapswitch
