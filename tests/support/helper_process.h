// Plays QEMU for tapswitch-qemu-helper: starts it, and receives the TAP.

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

// Runs the helper to its end. Throws if it cannot be started.
[[nodiscard]] HelperRun RunHelper(const HelperStart& start);

}  // namespace tapswitch
