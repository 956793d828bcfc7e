// A socket that others connect or send to, as a file with an owner.

#pragma once

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/file_descriptor.h"

namespace tapswitch {

class UnixListener {
 public:
  struct Options {
    std::string what;                                // it is for: errors begin with it
    std::string path;                                // any that the kernel takes
    std::string occupant = "somebody is listening";  // who somebody else there probably is
    int type = SOCK_STREAM;  // or SOCK_DGRAM, which is bound and has no clients
    mode_t mode = S_IRUSR | S_IWUSR;
    std::optional<uid_t> user{};
    std::optional<gid_t> group{};
    // Makes the directory it is in when that is missing (0755), but not what that is in.
    bool makes_folder = false;
    // How long somebody who answers there is given to go away: a socket that was in an io_uring
    // outlives its process, which was killed, for a moment.
    std::chrono::milliseconds patience{0};

    bool operator==(const Options&) const = default;
  };

  // Listens, non-blocking.
  //
  // Takes over a socket that nobody listens on any more. AlreadyExists when somebody does, or when
  // what is there is no socket. A lock on `path`.lock, held as long as the listener lives, keeps two
  // that start at the same time apart. On an error nothing is left behind.
  [[nodiscard]] static absl::StatusOr<UnixListener> Bind(const Options& options);

  // Ends the socket for all who have a copy of it. Removes the file and the lock, unless something else is at their path by now.
  ~UnixListener();
  UnixListener(UnixListener&& other) noexcept = default;
  UnixListener& operator=(UnixListener&&) = delete;
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

  // InvalidArgument when `path` cannot be the path of a socket.
  [[nodiscard]] static absl::Status CheckPath(std::string_view what, const std::string& path);

 private:
  struct FileId {
    dev_t device;
    ino_t inode;
    bool operator==(const FileId&) const = default;
  };
  [[nodiscard]] static std::optional<FileId> Identify(const std::string& path);
  [[nodiscard]] static absl::StatusOr<FileDescriptor> Lock(const Options& options);

  UnixListener(std::string path, FileDescriptor socket, FileDescriptor lock);
  [[nodiscard]] absl::Status BindSocket(const Options& options);

  std::string path_;
  FileDescriptor socket_;
  FileDescriptor lock_;
  std::optional<FileId> bound_;  // the file, once there is one
};

}  // namespace tapswitch
