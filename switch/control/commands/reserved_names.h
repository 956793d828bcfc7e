// Names that no port may have, as command lines would be read in another way than was meant.

#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace tapswitch {

// Whether `text` is a value of a flag, such as `on`.
[[nodiscard]] bool IsFlagValue(std::string_view text);

// InvalidArgument if a port cannot have the name: it is a value of a flag, `help`, `all` or
// `default`.
[[nodiscard]] absl::Status CheckPortName(std::string_view name);

}  // namespace tapswitch
