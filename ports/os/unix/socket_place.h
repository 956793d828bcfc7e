// The place of a Unix socket's file: a name in a folder that was looked up once. All operations act
// on this folder, and on files that were identified before. So a user who exchanges files or
// folders cannot redirect them to other files.

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

// A file of any kind, opened with O_PATH. Its owner and mode can be changed, and a socket can be
// connected to, even if another file is at its path by now.
struct FoundFile {
  FileDescriptor file;
  struct stat status {};

  [[nodiscard]] FileId id() const { return {status.st_dev, status.st_ino}; }
  // The path /proc/self/fd/N, for system calls that only accept paths.
  [[nodiscard]] std::string path() const;
};

class SocketPlace {
 public:
  // Looks up the folder of `path`, which must fit into a socket address. Creates the folder (0755),
  // but not its parents, if it is missing and `makes_folder` is set. Errors name the file or
  // folder.
  [[nodiscard]] static absl::StatusOr<SocketPlace> Open(const std::string& path, bool makes_folder);

  // The path to give to bind(). It is the path that the user wrote, so that peers and ss(8) show
  // it; but /proc/self/fd/N/NAME if other users can make that path lead elsewhere.
  [[nodiscard]] const std::string& address() const { return address_; }

  // A text that is equal for all ways to write the same path.
  [[nodiscard]] std::string identity() const;

  // Opens the file at this place. NotFound if there is none. A symbolic link is not followed.
  [[nodiscard]] absl::StatusOr<FoundFile> Find() const;

  // Reads the status of an open file.
  [[nodiscard]] static absl::StatusOr<FoundFile> Look(FileDescriptor file);

  // Removes the file at this place if it is the given one.
  absl::Status RemoveIf(const FileId& id) const;

  // Whether a user other than root and the user of this process can exchange a file of this process
  // at this place.
  [[nodiscard]] absl::StatusOr<bool> MayOthersExchange() const;

 private:
  SocketPlace(FileDescriptor folder, std::string name, std::string address);

  FileDescriptor folder_;
  std::string name_;
  std::string address_;
};

}  // namespace tapswitch
