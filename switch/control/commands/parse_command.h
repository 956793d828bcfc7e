// From the words of a command to the request that it means.

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

// Objects, verbs and words may be shortened as long as they stay unambiguous. Words come in any
// order; of a word that is given twice the last counts, as in bridge(8). InvalidArgument names the
// word that is wrong, and what would be right.
[[nodiscard]] absl::StatusOr<Request> ParseCommand(std::span<const std::string> words);

// "usage: tapctl ..." of all commands, or of those of one object.
[[nodiscard]] std::string Usage(std::string_view object = "");

}  // namespace tapswitch
