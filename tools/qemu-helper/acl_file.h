// Reading an access list from files that only their owner can have written.

#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/qemu-helper/acl.h"

namespace tapswitch {

// The statements of the file at `path` and of those that it includes, without the kInclude. A file
// must be a regular one, no symbolic link, belong to `owner` and be writable by nobody else; one
// that is not is PermissionDenied.
//
// An included file that is not there, or that the caller may not read, counts for nothing, as with
// qemu-bridge-helper: that is how a list is made that is for the members of one group. Anything else
// that is wrong with it makes the whole list worthless.
[[nodiscard]] absl::StatusOr<std::vector<AclStatement>> ReadAclFile(const std::string& path,
                                                                    uid_t owner = 0);

}  // namespace tapswitch
