// Commands of tapctl that come as one text: the startup file, and what `tapctl apply` has read.

#pragma once

#include <functional>
#include <istream>
#include <string_view>

#include "absl/status/status.h"
#include "switch/control/commands/parse_command.h"
#include "switch/control/methods/method.h"

namespace tapswitch {

// Calls `run` for each command, one a line, until one fails or makes no sense in a file. Errors
// begin with `name`, which people know the text by, and the line.
[[nodiscard]] absl::Status ForEachCommand(std::istream& text, std::string_view name,
                                          const std::function<absl::Status(const Request&)>& run);

// Carries out the commands as a client's, and stops at the first that fails.
[[nodiscard]] absl::Status RunCommands(std::istream& text, std::string_view name,
                                       const MethodContext& context);

}  // namespace tapswitch
