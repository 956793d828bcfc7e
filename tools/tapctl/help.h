// The answers to `help`: of all commands a line for each object, of one object or command all of
// it.

#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace tapswitch {

// Returns the words that help is wanted for, if `words` ask for help: "help", "help OBJECT [VERB]",
// "OBJECT help" or "OBJECT VERB help". No port is called "help", so no other command is meant.
[[nodiscard]] std::optional<std::vector<std::string>> HelpTopic(std::span<const std::string> words);

// Returns the help for a topic: none, "all", an object, or an object and a verb. InvalidArgument if
// there is no such command.
[[nodiscard]] absl::StatusOr<std::string> Help(std::span<const std::string> topic, size_t columns);

// Returns the width of the terminal that standard output is, else COLUMNS, else 80.
[[nodiscard]] size_t TerminalColumns();

}  // namespace tapswitch
