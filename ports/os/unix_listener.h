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
#include "ports/os/file_descriptor.h"
#include "ports/os/runtime_locks.h"
#include "ports/os/socket_place.h"

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
  // what is there is no socket. A lock (runtime_locks.h) on the folder and the name, held as long
  // as the listener lives, keeps two that start at the same time apart, however they write the path.
  // On an error nothing is left behind.
  //
  // Whoever may write the folder, or one above it, cannot have anything done to other files: the
  // folder is looked up once, and owner, group and mode are changed of the very file that was
  // bound. Where the kernel does not say which file that is (it takes CAP_NET_ADMIN), root makes no
  // socket in a folder that others may write: PermissionDenied.
  [[nodiscard]] static absl::StatusOr<UnixListener> Bind(const Options& options);

  // Ends the socket for all who have a copy of it. Removes the file that was bound, unless
  // something else has its name by now; nothing else is ever removed.
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
  UnixListener(std::string path, SocketPlace place, FileDescriptor socket, RuntimeLock lock);
  [[nodiscard]] absl::Status BindSocket(const Options& options);
  [[nodiscard]] absl::StatusOr<FoundFile> IdentifyBound(const Options& options);
  [[nodiscard]] absl::StatusOr<FoundFile> GuessBound(const Options& options) const;

  std::string path_;
  SocketPlace place_;
  FileDescriptor socket_;
  RuntimeLock lock_;
  std::optional<FileId> bound_;  // the file, once there is one
};

}  // namespace tapswitch
