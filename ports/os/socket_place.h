// Where the file of a Unix socket is: a name in a folder that was looked up once. All that is done
// there is done to this folder, and to files that were identified before, so that whoever may
// exchange files or folders cannot have it done to others.

#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

struct FileId {
  dev_t device;
  ino_t inode;
  bool operator==(const FileId&) const = default;
};

// A file of any kind that is open by O_PATH: its owner and its mode can be changed, and a socket
// can be connected to, whatever is at its path by now.
struct FoundFile {
  FileDescriptor file;
  struct stat status {};

  [[nodiscard]] FileId id() const { return {status.st_dev, status.st_ino}; }
  // For system calls that take none but paths.
  [[nodiscard]] std::string path() const;
};

class SocketPlace {
 public:
  // `path` fits into a socket's address. Makes its folder when that is missing and `makes_folder`
  // says so, with mode 0755, but not what that is in. Errors name what they are about.
  [[nodiscard]] static absl::StatusOr<SocketPlace> Open(const std::string& path, bool makes_folder);

  // What bind() is given. It is the path that the user wrote, which peers and ss(8) see then; but
  // /proc/self/fd/N/NAME where others can make that path lead elsewhere.
  [[nodiscard]] const std::string& address() const { return address_; }

  // The same for all ways to write the path.
  [[nodiscard]] std::string identity() const;

  // NotFound when nothing is there. A link is not followed.
  [[nodiscard]] absl::StatusOr<FoundFile> Find() const;

  // Opens a file and looks at it.
  [[nodiscard]] static absl::StatusOr<FoundFile> Look(FileDescriptor file);

  // Removes what is there if it is that file.
  absl::Status RemoveIf(const FileId& id) const;

  // Whether somebody who is neither root nor this process's user can exchange a file of ours there.
  [[nodiscard]] absl::StatusOr<bool> MayOthersExchange() const;

 private:
  SocketPlace(FileDescriptor folder, std::string name, std::string address);

  FileDescriptor folder_;
  std::string name_;
  std::string address_;
};

}  // namespace tapswitch
