// A folder that was looked up once. It stays the same folder even if its path changes later.

#pragma once

#include <sys/stat.h>

#include <string>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

struct PinnedFolder {
  FileDescriptor file;  // O_PATH, for openat(2) and its relatives

  // Whether a user other than root and the user of this process can make the path lead elsewhere.
  bool is_path_unsteady = false;
};

struct PathParts {
  std::string folder;  // with its '/', or "./"
  std::string name;
};

// Splits a path after its last '/'.
[[nodiscard]] PathParts SplitPath(const std::string& path);

// Looks up `path`, which is relative to the working directory unless it begins with '/'. Symbolic
// links are followed. A link that belongs to another user may only lead to a folder of that user;
// otherwise the result is PermissionDenied. Errors name the path.
[[nodiscard]] absl::StatusOr<PinnedFolder> PinFolder(const std::string& path);

// Returns whether a user other than root and the user of this process can remove or rename `entry`
// of `folder`, as far as owners and modes tell.
[[nodiscard]] bool MayOthersExchange(const struct stat& folder, const struct stat& entry);

}  // namespace tapswitch
