// `tapctl capture`.

#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "switch/control/client/control_connection.h"

namespace tapswitch {

// Translates the words of the command into parameters of the protocol: the filter is compiled, and
// no port means all.
[[nodiscard]] absl::StatusOr<nlohmann::json> CaptureParams(nlohmann::json words);

// Writes the capture to the file that `words` names, until SIGINT or SIGTERM, until the file's
// reader is gone, or until it has the wanted number of frames. Unavailable if the switch has ended
// it.
[[nodiscard]] absl::Status RunCapture(ControlConnection& connection, const nlohmann::json& words);

}  // namespace tapswitch
