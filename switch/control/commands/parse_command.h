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
// Words come in any order, but `pvid` and `untagged` of `port add` belong to the `vlan` before
// them. InvalidArgument names the word that is wrong or given twice, and what was expected.
[[nodiscard]] absl::StatusOr<Request> ParseCommand(std::span<const std::string> words);

}  // namespace tapswitch
