// Quotes and splits the words of batch lines.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace tapswitch {

// Splits a line of a batch into words, as iproute2 does (lib/utils.c, makeargs): white space
// separates, ' and " quote, # begins a comment. In addition, a word $'...' is read as in a shell:
// \xHH is a byte, \\ and \' stand for themselves. InvalidArgument if a quote is not closed, or for
// any other character behind a \.
[[nodiscard]] absl::StatusOr<std::vector<std::string>> SplitLine(std::string_view line);

// Returns `text`, whatever bytes it has, as one word of such a line. The result is UTF-8 without
// control characters.
[[nodiscard]] std::string Quoted(std::string_view word);

}  // namespace tapswitch
