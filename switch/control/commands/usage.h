// Tells how commands are written, wrapped to the width of a terminal.

#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tapswitch {

// Returns a line for each object: what can be done with it.
[[nodiscard]] std::string ListOfObjects(size_t columns);

// Returns all commands, with what they do.
[[nodiscard]] std::string UsageOfAll(size_t columns);

// Returns the commands that `words` name: an object, or an object and a verb, both perhaps
// shortened. InvalidArgument if there is no such command.
[[nodiscard]] absl::StatusOr<std::string> Usage(std::span<const std::string> words, size_t columns);

// Breaks `text` between words, so that no line is longer than `columns` if its words allow that.
// The first line is indented by `first` spaces, the others by `others`.
[[nodiscard]] std::string Wrapped(std::string_view text, size_t first, size_t others,
                                  size_t columns);

}  // namespace tapswitch
