// Words and lines of batches.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace tapswitch {

// Splits a line of a batch into words, as iproute2 does (lib/utils.c, makeargs): white space
// separates, ' and " quote, # begins a comment. Besides, a word $'...' is as in a shell: \xHH is a
// byte, \\ and \' are themselves. InvalidArgument: a quote is not closed, or there is something else
// behind a \.
[[nodiscard]] absl::StatusOr<std::vector<std::string>> SplitLine(std::string_view line);

// As one word of such a line, whatever bytes it has; in UTF-8, without control characters.
[[nodiscard]] std::string Quoted(std::string_view word);

}  // namespace tapswitch
