// Wires a configuration into a running switch: ring, bridge and worker on this thread, the control
// thread beside it. Everything that main needs and nothing of the command line.

#pragma once

#include <string>

#include "absl/status/status.h"
#include "switch/control/config/config.h"

namespace tapswitch {

// Checks what can be checked without touching the system.
[[nodiscard]] absl::Status CheckConfig(const Config& config);

// Opens the ports, forwards until SIGTERM or SIGINT, and closes the ports. On an error, which can
// only come up before it is ready, nothing is left behind.
[[nodiscard]] absl::Status RunSwitch(const Config& config);

}  // namespace tapswitch
