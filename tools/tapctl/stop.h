// tapctl stop.

#pragma once

#include "absl/status/statusor.h"
#include "switch/control/client/control_connection.h"

namespace tapswitch {

// Ends the switch, and returns its answer once its process has ended. DeadlineExceeded if it does
// not end in `patience` seconds.
[[nodiscard]] absl::StatusOr<ControlConnection::Json> RunStop(ControlConnection& connection,
                                                              int patience);

}  // namespace tapswitch
