#include "switch/control/unix_listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

constexpr mode_t kMode = 0660;

// Connections that wait to be accepted, before and while the control thread is busy. More than that
// wait in connect().
constexpr int kBacklog = 256;

absl::Status Failed(std::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, fmt::format("control socket: {} {}", what, path));
}

absl::Status InUse(const std::string& path) {
  return absl::AlreadyExistsError(
      fmt::format("control socket: a bridge of this name is running already, at {}; stop it, or "
                  "choose another name or another socket",
                  path));
}

FileDescriptor StreamSocket() {
  return FileDescriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// `path` fits.
sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

absl::Status CheckPath(const std::string& path) {
  constexpr size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  if (!path.empty() && path.size() <= kLongest && path.find('\0') == std::string::npos) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      fmt::format("control socket: the path '{}' has {} bytes; the kernel takes 1 to {}", path,
                  path.size(), kLongest));
}

absl::Status MakeParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return absl::OkStatus();
  const std::string parent = path.substr(0, slash);
  constexpr mode_t kParentMode = 0755;
  if (mkdir(parent.c_str(), kParentMode) != 0) {
    return errno == EEXIST ? absl::OkStatus() : Failed("cannot make the directory", parent);
  }
  // The umask may have taken away what the group needs to get at the socket.
  if (chmod(parent.c_str(), kParentMode) != 0) return Failed("cannot set the mode of", parent);
  return absl::OkStatus();
}

// Whether nobody listens on the socket at `path`.
absl::StatusOr<bool> IsStale(const std::string& path) {
  const FileDescriptor probe = StreamSocket();
  if (!probe.valid()) return Failed("cannot make a socket to try", path);
  const sockaddr_un address = AddressOf(path);
  const int result =
      connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  // EAGAIN: its backlog is full; EPROTOTYPE: it is of another type. Somebody is there.
  if (result == 0 || errno == EAGAIN || errno == EPROTOTYPE) return false;
  if (errno == ECONNREFUSED || errno == ENOENT) return true;
  return Failed("cannot try", path);
}

absl::Status RemoveStale(const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) {
    return errno == ENOENT ? absl::OkStatus() : Failed("cannot look at", path);
  }
  if (!S_ISSOCK(found.st_mode)) {
    return absl::AlreadyExistsError(
        fmt::format("control socket: {} is there and is no socket; remove it, or choose another "
                    "path",
                    path));
  }
  const absl::StatusOr<bool> stale = IsStale(path);
  if (!stale.ok()) return stale.status();
  if (!*stale) return InUse(path);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return Failed("cannot remove the stale", path);
  return absl::OkStatus();
}

std::string LockPathOf(const std::string& path) { return path + ".lock"; }

}  // namespace

std::optional<UnixListener::FileId> UnixListener::Identify(const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) return std::nullopt;
  return FileId{found.st_dev, found.st_ino};
}

absl::StatusOr<FileDescriptor> UnixListener::Lock(const std::string& path) {
  const std::string lock_path = LockPathOf(path);
  for (;;) {
    constexpr mode_t kLockMode = 0600;
    FileDescriptor lock(
        open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kLockMode));
    if (!lock.valid()) return Failed("cannot open", lock_path);
    if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      return errno == EWOULDBLOCK ? InUse(path) : Failed("cannot lock", lock_path);
    }
    struct stat locked {};
    if (fstat(lock.get(), &locked) != 0) return Failed("cannot look at", lock_path);
    if (Identify(lock_path) == FileId{locked.st_dev, locked.st_ino}) return lock;
    // Its last owner removed it between our open and our lock: that one protects nothing.
  }
}

absl::StatusOr<UnixListener> UnixListener::Bind(const std::string& path,
                                                std::optional<gid_t> group) {
  if (absl::Status status = CheckPath(path); !status.ok()) return status;
  if (absl::Status status = MakeParentOf(path); !status.ok()) return status;
  absl::StatusOr<FileDescriptor> lock = Lock(path);
  if (!lock.ok()) return lock.status();
  UnixListener listener(path, StreamSocket(), *std::move(lock));
  if (!listener.socket_.valid()) return Failed("cannot make the socket of", path);
  if (absl::Status status = RemoveStale(path); !status.ok()) return status;
  if (absl::Status status = listener.BindSocket(group); !status.ok()) return status;
  return listener;
}

UnixListener::UnixListener(std::string path, FileDescriptor socket, FileDescriptor lock)
    : path_(std::move(path)), socket_(std::move(socket)), lock_(std::move(lock)) {}

UnixListener::~UnixListener() {
  // Nothing of ours after a move, and the file only while it is ours.
  if (bound_ && socket_.valid() && Identify(path_) == bound_) unlink(path_.c_str());
  // Under the lock, so that the next one to lock the path locks a new file or notices.
  if (lock_.valid()) unlink(LockPathOf(path_).c_str());
}

absl::Status UnixListener::BindSocket(std::optional<gid_t> group) {
  // bind() makes the file with the socket's own mode less the umask. With 0600 it is at no time open
  // to more than it will be; the umask would do as well, but belongs to all threads.
  if (fchmod(socket_.get(), S_IRUSR | S_IWUSR) != 0) return Failed("cannot set the mode of", path_);
  const sockaddr_un address = AddressOf(path_);
  if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return Failed("cannot bind", path_);
  }
  bound_ = Identify(path_);
  if (group && lchown(path_.c_str(), static_cast<uid_t>(-1), *group) != 0) {
    return Failed(fmt::format("cannot give to group {}", *group), path_);
  }
  if (listen(socket_.get(), kBacklog) != 0) return Failed("cannot listen at", path_);
  if (chmod(path_.c_str(), kMode) != 0) return Failed("cannot set the mode of", path_);
  return absl::OkStatus();
}

}  // namespace tapswitch
