// A TAP that nobody reads: an interface which is there for as long as this process has it open.

#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

// Makes TAP `name` in the namespace of the calling thread. It vanishes when the last copy of the
// file closes. Waits up to a second for a process that is ending to release one of that name.
[[nodiscard]] absl::StatusOr<FileDescriptor> MakeHeldTap(const std::string& name);

}  // namespace tapswitch
