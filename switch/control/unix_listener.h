// The socket that clients connect to, as a file with an owner.

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "ports/file_descriptor.h"

namespace tapswitch {

class UnixListener {
 public:
  // Listens at `path`, non-blocking, mode 0660, of `group` when there is one. Makes the directory it
  // is in when that is missing (0755), but not what that is in.
  //
  // Takes over a socket that nobody listens on any more. AlreadyExists when somebody does, or when
  // what is there is no socket. A lock on `path`.lock, held as long as the listener lives, keeps two
  // that start at the same time apart. On an error nothing is left behind.
  [[nodiscard]] static absl::StatusOr<UnixListener> Bind(const std::string& path,
                                                         std::optional<gid_t> group);

  // Removes the socket and the lock, unless something else is at their path by now.
  ~UnixListener();
  UnixListener(UnixListener&& other) noexcept = default;
  UnixListener& operator=(UnixListener&&) = delete;
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  struct FileId {
    dev_t device;
    ino_t inode;
    bool operator==(const FileId&) const = default;
  };
  [[nodiscard]] static std::optional<FileId> Identify(const std::string& path);
  [[nodiscard]] static absl::StatusOr<FileDescriptor> Lock(const std::string& path);

  UnixListener(std::string path, FileDescriptor socket, FileDescriptor lock);
  [[nodiscard]] absl::Status BindSocket(std::optional<gid_t> group);

  std::string path_;
  FileDescriptor socket_;
  FileDescriptor lock_;
  std::optional<FileId> bound_;  // the file, once there is one
};

}  // namespace tapswitch
