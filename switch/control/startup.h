// tapctl commands from a file, at start.

#pragma once

#include <string>

#include "absl/status/status.h"
#include "switch/control/methods.h"

namespace tapswitch {

// Carries out the commands of the file, one a line, and stops at the first that fails. Errors name
// file and line.
[[nodiscard]] absl::Status RunStartupFile(const std::string& path, Methods& methods);

}  // namespace tapswitch
