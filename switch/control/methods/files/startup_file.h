// The file of tapctl commands that --startup names: carried out at start, and applied again later.

#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/control/methods/files/apply.h"
#include "switch/control/methods/method.h"

namespace tapswitch {

// Whether the file can be read and its commands understood. Nothing is done.
[[nodiscard]] absl::Status CheckStartupFile(const std::string& path);

// Carries out the commands of the file, one a line, and stops at the first that fails. Errors name
// file and line.
[[nodiscard]] absl::Status RunStartupFile(const std::string& path, const MethodContext& context);

enum class ApplyMode : uint8_t { kCarryOut, kDryRun };

// Makes the switch what its command line and the file say. After an error nothing has changed.
[[nodiscard]] absl::StatusOr<Applied> ApplyStartupFile(const std::string& path,
                                                       const MethodContext& context,
                                                       ApplyMode mode = ApplyMode::kCarryOut);

}  // namespace tapswitch
