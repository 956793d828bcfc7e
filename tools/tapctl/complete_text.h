// Completes the text of a port, and of a flag of tapswitchd: types and keys of ports, interfaces,
// network namespaces and values.

#pragma once

#include <set>
#include <string>
#include <string_view>

namespace tapswitch {

using Candidates = std::set<std::string, std::less<>>;

// A candidate that tells the shell to complete names of files, in place of what has been written
// behind the last '=', if there is one.
inline constexpr std::string_view kFiles = ":files:";

// Returns the texts of ports, `[TYPE:]NAME[,KEY[=VALUE]]...`, that `written` may become.
[[nodiscard]] Candidates PortTexts(std::string_view written);

// Returns what `written`, a word of tapswitchd's command line, may become if it has a '=' or is no
// flag. The names of flags are those of its --help.
[[nodiscard]] Candidates DaemonTexts(std::string_view written);

}  // namespace tapswitch
