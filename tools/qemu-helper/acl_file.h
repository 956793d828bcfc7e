// Reads an access list from files that only their owner can have written.

#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/qemu-helper/acl.h"

namespace tapswitch {

// Returns the statements of the file at `path` and of those that it includes, without the kInclude.
// A file must be a regular one, not a symbolic link. It must belong to `owner` and be writable by
// no other user. Otherwise the result is PermissionDenied.
//
// An included file that does not exist, or that the caller may not read, is ignored, as by
// qemu-bridge-helper. So a list can be made for the members of one group. Any other fault of an
// included file invalidates the whole list.
[[nodiscard]] absl::StatusOr<std::vector<AclStatement>> ReadAclFile(const std::string& path,
                                                                    uid_t owner = 0);

}  // namespace tapswitch
