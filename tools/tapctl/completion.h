// What may come next on a command line, for the shell.

#pragma once

#include <span>
#include <string>

namespace tapswitch {

// `words`: those behind "tapctl", the last being the one that is written, perhaps empty. A line for
// each word that it may become; names of ports are asked of the switch that is meant, if it answers.
[[nodiscard]] std::string Completions(std::span<const std::string> words);

}  // namespace tapswitch
