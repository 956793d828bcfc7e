// Which processes have a TAP open, for messages.

#pragma once

#include <string>
#include <string_view>

namespace tapswitch {

// Those that have a TAP of this name open, as ": 123 (qemu-system-x86), 124 (...)"; empty when none
// is found: the caller may look at other users' processes only as root. TAPs of the same name in
// other network namespaces cannot be told apart. It looks at all files of all processes, so it is
// for errors.
[[nodiscard]] std::string NameHolders(std::string_view tap);

}  // namespace tapswitch
