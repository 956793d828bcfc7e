// The live view: in a terminal it fills the window until `q`; elsewhere it prints lines.

#pragma once

#include "absl/status/status.h"
#include "switch/control/client/control_connection.h"

namespace tapswitch {

// Parameters: `interval`, a duration as 1s or 500ms, and `count`, after how many views to end. Ends
// with OK by `q`, a stop signal, the count, or when nobody reads any more.
[[nodiscard]] absl::Status RunTop(ControlConnection& connection, const nlohmann::json& params);

}  // namespace tapswitch
