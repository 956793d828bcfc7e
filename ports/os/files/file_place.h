// The place of a file that this process reads or writes by name: a name in a folder that was looked
// up once. All operations act on this folder. So a user who owns it, and puts a link, a FIFO or
// another file there, cannot have this process write elsewhere, wait, or believe what it reads.

#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/files/pinned_folder.h"

namespace tapswitch {

class FilePlace {
 public:
  // Looks up the folder of `path`. Errors begin with the path.
  [[nodiscard]] static absl::StatusOr<FilePlace> Open(const std::string& path);

  // Reads a regular file that only root and the user of this process can have put there, and that
  // has no other name. NotFound if there is none.
  [[nodiscard]] absl::StatusOr<std::string> ReadOwn(size_t most) const;

  // Replaces the file as a whole, with mode 0600; it is on disk when this returns.
  // PermissionDenied, and nothing is done, where others could exchange it.
  [[nodiscard]] absl::Status Replace(std::string_view text) const;

  // Removes what is there. A link is removed itself.
  void Remove() const;

 private:
  FilePlace(PinnedFolder folder, struct stat status, std::string name, std::string path)
      : folder_(std::move(folder)),
        status_(status),
        name_(std::move(name)),
        path_(std::move(path)) {}

  [[nodiscard]] absl::Status MustBeSteady(const struct stat& entry) const;

  PinnedFolder folder_;
  struct stat status_;  // of the folder
  std::string name_;
  std::string path_;  // as it was written, for errors
};

// Opens a file to append lines to; it is made (with `mode`) if it is missing. Where only root and
// the user of this process can change what is at `path`, that may be a link, a FIFO or a device,
// too, such as /dev/stderr. Elsewhere it has to be a regular file of this user with one name.
// Errors begin with `what` and end with the cure. Writes do not block.
[[nodiscard]] absl::StatusOr<FileDescriptor> OpenForAppending(const std::string& path,
                                                              const std::string& what, mode_t mode);

}  // namespace tapswitch
