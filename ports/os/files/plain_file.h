// Reads files whose paths are given from outside, whatever is there. A FIFO would keep the reader
// waiting for its writer, and a device might never end.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tapswitch {

// The longest file that is read where nothing else is said: commands for a million addresses.
inline constexpr size_t kLongestFile = 64U << 20U;

// Reads a regular file as a whole, and never waits. Errors begin with `what`, such as
// "--startup=PATH", and end with the cure.
[[nodiscard]] absl::StatusOr<std::string> ReadPlainFile(const std::string& path,
                                                        const std::string& what,
                                                        size_t most = kLongestFile);

// Reads a file that is open already, and does not block.
[[nodiscard]] absl::StatusOr<std::string> ReadPlainFile(int file, const std::string& what,
                                                        size_t most = kLongestFile);

// Names the type of a file, such as "a FIFO".
[[nodiscard]] std::string_view KindOfFile(mode_t mode);

}  // namespace tapswitch
