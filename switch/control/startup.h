// tapctl commands from a file, at start.

#pragma once

#include <string>

#include "absl/status/status.h"
#include "switch/control/methods/method.h"

namespace tapswitch {

// Whether the file can be read and its commands understood. Nothing is done.
[[nodiscard]] absl::Status CheckStartupFile(const std::string& path);

// Carries out the commands of the file, one a line, and stops at the first that fails. Errors name
// file and line.
[[nodiscard]] absl::Status RunStartupFile(const std::string& path, const MethodContext& context);

}  // namespace tapswitch
