// Completes command lines for the shell.

#pragma once

#include <span>
#include <string>

namespace tapswitch {

// Returns a line for each word that the last of `words` may become. `words` are those behind
// "tapctl"; the last is incomplete, perhaps empty. Names of ports come from the switch that is
// meant, if it answers. A line `:files:` asks the shell for names of files.
[[nodiscard]] std::string Completions(std::span<const std::string> words);

}  // namespace tapswitch
