// The live view. In a terminal it fills the window until `q`; otherwise it prints lines.

#pragma once

#include "absl/status/status.h"
#include "switch/control/client/control_connection.h"

namespace tapswitch {

// Shows the view. Parameters are `interval`, a duration such as 1s or 500ms, and `count`, the
// number of views. Ends with OK on `q`, on a stop signal, after the last view, or if the reader of
// the output is gone. With `as_json` each view is an object on a line of its own.
[[nodiscard]] absl::Status RunTop(ControlConnection& connection, const nlohmann::json& params,
                                  bool as_json);

}  // namespace tapswitch
