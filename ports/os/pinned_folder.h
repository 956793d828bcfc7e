// A folder that was looked up once, and stays the one it was whatever becomes of its path.

#pragma once

#include <sys/stat.h>

#include <string>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

struct PinnedFolder {
  FileDescriptor file;  // O_PATH, for openat(2) and its relatives

  // Somebody who is neither root nor this process's user can make the path lead elsewhere.
  bool is_path_unsteady = false;
};

// Looks up `path`, which is relative to the working directory unless it begins with '/'. Links are
// followed, but one that belongs to somebody else may only lead to a folder of that user:
// PermissionDenied. Errors name the path.
[[nodiscard]] absl::StatusOr<PinnedFolder> PinFolder(const std::string& path);

// Whether somebody who is neither root nor this process's user can remove or rename `entry` of
// `folder`, as far as owners and modes tell.
[[nodiscard]] bool MayOthersExchange(const struct stat& folder, const struct stat& entry);

}  // namespace tapswitch
