// The folders of control sockets. The daemon creates its socket in one, and tapctl looks for it
// there.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tapswitch {

// Returns the folders, at least one. For an ordinary user with a runtime directory of their own
// ($XDG_RUNTIME_DIR), the first is `tapswitch` in that directory. The last is the system's,
// /run/tapswitch. A switch of this user puts its socket into the first folder; the user may connect
// to sockets in any of them.
[[nodiscard]] std::vector<std::string> ControlFolders();

// The path of the control socket of bridge `name` in `folder`.
[[nodiscard]] std::string ControlSocketPath(std::string_view folder, std::string_view name);

}  // namespace tapswitch
