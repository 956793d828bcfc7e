// `tapctl capture`.

#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "switch/control/client/control_connection.h"

namespace tapswitch {

// What the words of the command are in the protocol: the filter compiled, no port for all.
[[nodiscard]] absl::StatusOr<nlohmann::json> CaptureParams(nlohmann::json words);

// Writes the capture to the file that `words` names, until SIGINT or SIGTERM, until nobody reads it
// any more, or until it has the frames that were asked for. Unavailable: the switch has ended it.
[[nodiscard]] absl::Status RunCapture(ControlConnection& connection, const nlohmann::json& words);

}  // namespace tapswitch
