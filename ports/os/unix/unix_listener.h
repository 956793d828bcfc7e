// A Unix socket that other processes connect or send to, and its file.

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
#include "ports/os/unix/socket_place.h"

namespace tapswitch {

class UnixListener {
 public:
  struct Options {
    std::string what;                                // its purpose; errors begin with it
    std::string path;                                // any path that the kernel accepts
    std::string occupant = "somebody is listening";  // who probably listens there already
    int type = SOCK_STREAM;  // or SOCK_SEQPACKET; or SOCK_DGRAM: bound, without clients
    mode_t mode = S_IRUSR | S_IWUSR;
    std::optional<uid_t> user{};
    std::optional<gid_t> group{};
    // Creates the directory of the socket (0755), but not its parents, if it is missing.
    bool makes_folder = false;
    // How long Bind waits for another listener to go away. A socket that was used by an io_uring
    // outlives its killed process for a moment.
    std::chrono::milliseconds patience{0};

    bool operator==(const Options&) const = default;
  };

  // Creates a socket that listens and does not block.
  //
  // Replaces a socket file on which no process listens any more. AlreadyExists if a process
  // listens, or if the file is not a socket. A lock (runtime_locks.h) on the folder and the name,
  // held as long as the listener lives, keeps two processes apart that start at the same time,
  // however they write the path. After an error nothing is left behind.
  //
  // A user who may write the folder, or one above it, cannot redirect changes to other files: the
  // folder is looked up once, and owner, group and mode are changed on the file that was bound. If
  // the kernel does not tell which file that is (this takes CAP_NET_ADMIN), root creates no socket
  // in a folder that others may write: PermissionDenied.
  [[nodiscard]] static absl::StatusOr<UnixListener> Bind(const Options& options);

  // Takes over a socket that Bind of another process has made with these options, and that process
  // does not remove. The lock is taken as a shared one (RuntimeLocks::Inherit). Aborted if the file
  // at its path is not the socket's any more.
  [[nodiscard]] static absl::StatusOr<UnixListener> Inherit(const Options& options,
                                                            FileDescriptor socket);
  // Inherits `inherited` if that is valid, else binds.
  [[nodiscard]] static absl::StatusOr<UnixListener> Open(const Options& options,
                                                         FileDescriptor inherited);

  // Shuts down the socket, also for processes that hold a copy of it. Removes the file that was
  // bound, unless another file has its name by now; no other file is ever removed.
  ~UnixListener();
  UnixListener(UnixListener&& other) noexcept = default;
  UnixListener& operator=(UnixListener&&) = delete;
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

  // Returns InvalidArgument if `path` cannot be the path of a socket.
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
  std::optional<FileId> bound_;  // the socket's file, once it exists
};

}  // namespace tapswitch
