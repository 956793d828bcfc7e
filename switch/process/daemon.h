// Runs a switch by a configuration: the ring, the bridge and the first worker on this thread, the
// control thread beside it. It has everything that main needs except for the command line.

#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "switch/control/config/config.h"

namespace tapswitch {

// Checks the configuration as far as possible without touching the system.
[[nodiscard]] absl::Status CheckConfig(const Config& config);

// Called on the control thread.
struct SwitchOccasions {
  std::function<void()> on_ready;   // once, when ports forward and clients are served
  std::function<void()> on_reload;  // at each SIGHUP, before the startup file is applied again
};

// Opens the ports, forwards frames until SIGTERM or SIGINT, and closes the ports. Errors only occur
// before the switch is ready, and leave nothing behind.
[[nodiscard]] absl::Status RunSwitch(const Config& config, const SwitchOccasions& occasions);

}  // namespace tapswitch
