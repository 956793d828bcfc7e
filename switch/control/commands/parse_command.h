// Translates the words of a command into a request.

#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "switch/control/commands/grammar.h"
#include "switch/control/commands/quoting.h"

namespace tapswitch {

struct Request {
  const Command* command = nullptr;  // one of Commands()
  nlohmann::json params = nlohmann::json::object();
};

// Parses a command. Objects, verbs and words may be shortened as long as they stay unambiguous.
// Words come in any order; if a word is given twice the last one counts, as in bridge(8).
// InvalidArgument names the wrong word, and the valid ones.
[[nodiscard]] absl::StatusOr<Request> ParseCommand(std::span<const std::string> words);

// Returns "usage: tapctl ..." of all commands, or of those of one object.
[[nodiscard]] std::string Usage(std::string_view object = "");

}  // namespace tapswitch
