#include "ports/unix_listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// Connections that wait to be accepted. More than that wait in connect(), or fail there.
constexpr int kBacklog = 256;

using Options = UnixListener::Options;

absl::Status Failed(const Options& options, std::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, fmt::format("{}: {} {}", options.what, what, path));
}
absl::Status Failed(const Options& options, std::string_view what) {
  return Failed(options, what, options.path);
}

absl::Status InUse(const Options& options) {
  return absl::AlreadyExistsError(
      fmt::format("{}: {} already, at {}; stop it, or choose another name or path", options.what,
                  options.occupant, options.path));
}

FileDescriptor NewSocket(int type) {
  return FileDescriptor(socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// `path` fits.
sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

absl::Status MakeParentOf(const Options& options) {
  const std::string& path = options.path;
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return absl::OkStatus();
  const std::string parent = path.substr(0, slash);
  constexpr mode_t kParentMode = 0755;
  if (mkdir(parent.c_str(), kParentMode) != 0) {
    return errno == EEXIST ? absl::OkStatus()
                           : Failed(options, "cannot make the directory", parent);
  }
  // The umask may have taken away what the group needs to get at the socket.
  if (chmod(parent.c_str(), kParentMode) != 0)
    return Failed(options, "cannot set the mode of", parent);
  return absl::OkStatus();
}

// Whether nobody listens on the socket at `path`.
absl::StatusOr<bool> IsStale(const Options& options) {
  const FileDescriptor probe = NewSocket(SOCK_STREAM);
  if (!probe.valid()) return Failed(options, "cannot make a socket to try");
  const sockaddr_un address = AddressOf(options.path);
  const int result =
      connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  // EAGAIN: its backlog is full; EPROTOTYPE: it is of another type. Somebody is there.
  if (result == 0 || errno == EAGAIN || errno == EPROTOTYPE) return false;
  if (errno == ECONNREFUSED || errno == ENOENT) return true;
  return Failed(options, "cannot try");
}

absl::StatusOr<bool> WaitUntilStale(const Options& options) {
  constexpr std::chrono::milliseconds kPause(20);
  for (auto left = options.patience;; left -= kPause) {
    const absl::StatusOr<bool> stale = IsStale(options);
    if (!stale.ok() || *stale || left <= std::chrono::milliseconds(0)) return stale;
    std::this_thread::sleep_for(kPause);
  }
}

absl::Status RemoveStale(const Options& options) {
  const std::string& path = options.path;
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) {
    return errno == ENOENT ? absl::OkStatus() : Failed(options, "cannot look at");
  }
  if (!S_ISSOCK(found.st_mode)) {
    return absl::AlreadyExistsError(fmt::format(
        "{}: {} is there and is no socket; remove it, or choose another path", options.what, path));
  }
  const absl::StatusOr<bool> stale = WaitUntilStale(options);
  if (!stale.ok()) return stale.status();
  if (!*stale) return InUse(options);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Failed(options, "cannot remove the stale");
  }
  return absl::OkStatus();
}

std::string LockPathOf(const std::string& path) { return path + ".lock"; }

}  // namespace

std::optional<UnixListener::FileId> UnixListener::Identify(const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) return std::nullopt;
  return FileId{found.st_dev, found.st_ino};
}

absl::Status UnixListener::CheckPath(std::string_view what, const std::string& path) {
  constexpr size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  if (!path.empty() && path.size() <= kLongest && path.find('\0') == std::string::npos) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      fmt::format("{}: the path '{}' has {} bytes; the kernel takes 1 to {}", what, path,
                  path.size(), kLongest));
}

absl::StatusOr<FileDescriptor> UnixListener::Lock(const Options& options) {
  const std::string lock_path = LockPathOf(options.path);
  for (;;) {
    constexpr mode_t kLockMode = 0600;
    FileDescriptor lock(
        open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kLockMode));
    if (!lock.valid()) return Failed(options, "cannot open", lock_path);
    if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      return errno == EWOULDBLOCK ? InUse(options) : Failed(options, "cannot lock", lock_path);
    }
    struct stat locked {};
    if (fstat(lock.get(), &locked) != 0) return Failed(options, "cannot look at", lock_path);
    if (Identify(lock_path) == FileId{locked.st_dev, locked.st_ino}) return lock;
    // Its last owner removed it between our open and our lock: that one protects nothing.
  }
}

absl::StatusOr<UnixListener> UnixListener::Bind(const Options& options) {
  if (absl::Status status = CheckPath(options.what, options.path); !status.ok()) return status;
  if (options.makes_folder) {
    if (absl::Status status = MakeParentOf(options); !status.ok()) return status;
  }
  absl::StatusOr<FileDescriptor> lock = Lock(options);
  if (!lock.ok()) return lock.status();
  UnixListener listener(options.path, NewSocket(options.type), *std::move(lock));
  if (!listener.socket_.valid()) return Failed(options, "cannot make the socket of");
  if (absl::Status status = RemoveStale(options); !status.ok()) return status;
  if (absl::Status status = listener.BindSocket(options); !status.ok()) return status;
  return listener;
}

UnixListener::UnixListener(std::string path, FileDescriptor socket, FileDescriptor lock)
    : path_(std::move(path)), socket_(std::move(socket)), lock_(std::move(lock)) {}

UnixListener::~UnixListener() {
  // Nothing of ours after a move, and the file only while it is ours.
  if (bound_ && socket_.valid() && Identify(path_) == bound_) unlink(path_.c_str());
  // An io_uring may hold it open for a while yet.
  if (socket_.valid()) shutdown(socket_.get(), SHUT_RDWR);
  // Under the lock, so that the next one to lock the path locks a new file or notices.
  if (lock_.valid()) unlink(LockPathOf(path_).c_str());
}

absl::Status UnixListener::BindSocket(const Options& options) {
  // bind() makes the file with the socket's own mode less the umask. With 0600 it is at no time open
  // to more than it will be; the umask would do as well, but belongs to all threads.
  if (fchmod(socket_.get(), S_IRUSR | S_IWUSR) != 0) {
    return Failed(options, "cannot set the mode of");
  }
  const sockaddr_un address = AddressOf(path_);
  if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return Failed(options, "cannot bind");
  }
  bound_ = Identify(path_);
  constexpr uid_t kAsItIs = static_cast<uid_t>(-1);
  if ((options.user || options.group) &&
      lchown(path_.c_str(), options.user.value_or(kAsItIs), options.group.value_or(kAsItIs)) != 0) {
    return Failed(options, "cannot give to another user or group");
  }
  if (options.type == SOCK_STREAM && listen(socket_.get(), kBacklog) != 0) {
    return Failed(options, "cannot listen at");
  }
  if (chmod(path_.c_str(), options.mode) != 0) return Failed(options, "cannot set the mode of");
  return absl::OkStatus();
}

}  // namespace tapswitch
