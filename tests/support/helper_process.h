// QEMU's part towards tapswitch-qemu-helper: starts it, and receives the TAP.

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "ports/os/file_descriptor.h"

namespace tapswitch {

struct HelperRun {
  int status = -1;     // of exit; -1 when a signal ended it
  std::string errors;  // standard error
  FileDescriptor tap;  // invalid when none came
};

struct HelperStart {
  std::string program;
  std::vector<std::string> arguments;  // %d stands for the number of the socket
  std::optional<uid_t> user = {};      // with the group of the same number, and no other
};

// Runs it to its end. Throws when it cannot be started at all.
[[nodiscard]] HelperRun RunHelper(const HelperStart& start);

}  // namespace tapswitch
