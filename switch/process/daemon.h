// Runs a switch by a configuration: the ring, the bridge and the first worker on this thread, the
// control thread beside it. It has everything that main needs except for the command line.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "switch/control/config/config.h"
#include "switch/keeper/keeping.h"

namespace tapswitch {

// The program that runs, for one that takes over from it.
struct ProgramImage {
  std::string path;                    // of the file
  std::vector<std::string> arguments;  // those behind its name
  std::string version;
};

// Called on the control thread.
struct SwitchOccasions {
  std::function<void()> on_ready;   // once, when ports forward and clients are served
  std::function<void()> on_reload;  // at each SIGHUP, before the startup file is applied again
  // Another process has taken over: to end at once, without undoing anything.
  std::function<void()> on_handed_over;
};

// The start of a process: whose ports it takes over, and who keeps its own.
struct SwitchStart {
  std::optional<int> take_over;  // a descriptor, by which another process hands its ports over
  bool is_supervised = false;
  Keeping keeping;
};

// Opens the ports, forwards frames until SIGTERM or SIGINT, and closes the ports. Errors only occur
// before the switch is ready, and leave nothing behind. Where the ports are those of another
// process, an error ends this process.
[[nodiscard]] absl::Status RunSwitch(const Config& config, const ProgramImage& program,
                                     const SwitchOccasions& occasions, SwitchStart start);

}  // namespace tapswitch
