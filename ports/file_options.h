// Options of ports that name a file: its path, and who may use it.

#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "ports/port_spec.h"

namespace tapswitch {

// The path of a socket, in full: the switch and whoever changes it later may run in different
// directories. InvalidArgument says what would be right.
[[nodiscard]] absl::StatusOr<std::string> ReadSocketPath(const PortOption& option);

// A file mode in octal, such as 0660.
[[nodiscard]] absl::StatusOr<mode_t> ReadPermissions(const PortOption& option);

}  // namespace tapswitch
