// Where control sockets are by default: the daemon puts its own there, and tapctl looks for them.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tapswitch {

// The system's, /run/tapswitch; for an ordinary user who has a runtime directory ($XDG_RUNTIME_DIR,
// and it is really that user's) the `tapswitch` in it comes first. Never empty. The first is where a
// switch of this user belongs; the user may use those in any.
[[nodiscard]] std::vector<std::string> ControlFolders();

// Of the bridge `name` in `folder`.
[[nodiscard]] std::string ControlSocketPath(std::string_view folder, std::string_view name);

}  // namespace tapswitch
