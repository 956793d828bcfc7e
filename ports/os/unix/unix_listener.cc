#include "ports/os/unix/unix_listener.h"

#include <fcntl.h>
#include <sys/ioctl.h>
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

// Opens the file of a socket by O_PATH (linux/un.h, which defines sockaddr_un a second time).
constexpr unsigned long kOpenBoundFile = SIOCPROTOPRIVATE;

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

// Precondition: `path` fits into a socket address.
sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

// Completes an error of the place, which does not know the purpose of the socket.
absl::Status About(const Options& options, const absl::Status& status) {
  return {status.code(),
          fmt::format("{}: {}: {}", options.what, options.path, std::string(status.message()))};
}

// Returns whether no process listens on the socket that was found.
absl::StatusOr<bool> IsStale(const Options& options, const FoundFile& found) {
  const FileDescriptor probe = NewSocket(SOCK_STREAM);
  if (!probe.valid()) return Failed(options, "cannot make a socket to try");
  const sockaddr_un address = AddressOf(found.path());
  const int result =
      connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  // EAGAIN: its backlog is full; EPROTOTYPE: it is of another type. Somebody is there.
  if (result == 0 || errno == EAGAIN || errno == EPROTOTYPE) return false;
  if (errno == ECONNREFUSED) return true;
  return Failed(options, "cannot try");
}

absl::StatusOr<bool> WaitUntilStale(const Options& options, const FoundFile& found) {
  constexpr std::chrono::milliseconds kPause(20);
  for (auto left = options.patience;; left -= kPause) {
    absl::StatusOr<bool> stale = IsStale(options, found);
    if (!stale.ok() || *stale || left <= std::chrono::milliseconds(0)) return stale;
    std::this_thread::sleep_for(kPause);
  }
}

absl::Status RemoveStale(const Options& options, const SocketPlace& place) {
  const auto found = place.Find();
  if (absl::IsNotFound(found.status())) return absl::OkStatus();
  if (!found.ok()) return About(options, found.status());
  if (!S_ISSOCK(found->status.st_mode)) {
    return absl::AlreadyExistsError(
        fmt::format("{}: {} is there and is no socket; remove it, or choose another path",
                    options.what, options.path));
  }
  const absl::StatusOr<bool> stale = WaitUntilStale(options, *found);
  if (!stale.ok()) return stale.status();
  if (!*stale) return InUse(options);
  const absl::Status removed = place.RemoveIf(found->id());
  return removed.ok() ? removed : About(options, removed);
}

absl::StatusOr<RuntimeLock> Lock(const Options& options, const SocketPlace& place) {
  const auto locks = RuntimeLocks::OfProcess();
  if (!locks.ok()) return About(options, locks.status());
  auto lock = locks->Take("unix " + place.identity());
  if (absl::IsAlreadyExists(lock.status())) return InUse(options);
  if (!lock.ok()) return About(options, lock.status());
  return lock;
}

// As root, refuses a file that is known only by its name, if other users may write its folder. The
// socket is not bound yet, so a process that is asked for its file says that there is none.
absl::Status CheckMayBind(const Options& options, const SocketPlace& place,
                          const FileDescriptor& socket) {
  if (geteuid() != 0 || ioctl(socket.get(), kOpenBoundFile) >= 0 || errno == ENOENT) {
    return absl::OkStatus();
  }
  const auto exchangeable = place.MayOthersExchange();
  if (!exchangeable.ok()) return About(options, exchangeable.status());
  if (!*exchangeable) return absl::OkStatus();
  return absl::PermissionDeniedError(
      fmt::format("{}: others may write the folder of {}, where root needs CAP_NET_ADMIN to make a "
                  "socket; use another folder",
                  options.what, options.path));
}

}  // namespace

absl::Status UnixListener::CheckPath(std::string_view what, const std::string& path) {
  constexpr size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  if (!path.empty() && path.size() <= kLongest && path.find('\0') == std::string::npos) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      fmt::format("{}: the path '{}' has {} bytes; the kernel takes 1 to {}", what, path,
                  path.size(), kLongest));
}

absl::StatusOr<UnixListener> UnixListener::Bind(const Options& options) {
  if (absl::Status status = CheckPath(options.what, options.path); !status.ok()) return status;
  auto place = SocketPlace::Open(options.path, options.makes_folder);
  if (!place.ok()) return About(options, place.status());
  absl::StatusOr<RuntimeLock> lock = Lock(options, *place);
  if (!lock.ok()) return lock.status();
  UnixListener listener(options.path, *std::move(place), NewSocket(options.type), *std::move(lock));
  if (!listener.socket_.valid()) return Failed(options, "cannot make the socket of");
  if (absl::Status status = RemoveStale(options, listener.place_); !status.ok()) return status;
  if (absl::Status status = listener.BindSocket(options); !status.ok()) return status;
  return listener;
}

absl::StatusOr<UnixListener> UnixListener::Inherit(const Options& options, FileDescriptor socket) {
  auto place = SocketPlace::Open(options.path, /*makes_folder=*/false);
  if (!place.ok()) return About(options, place.status());
  absl::StatusOr<RuntimeLock> lock = Lock(options, *place);
  if (!lock.ok()) return lock.status();
  FileDescriptor file(ioctl(socket.get(), kOpenBoundFile));
  const auto found = place->Find();
  if (!found.ok()) return About(options, found.status());
  // Without CAP_NET_ADMIN the kernel does not tell which file it is.
  const auto bound = file.valid() ? SocketPlace::Look(std::move(file)) : place->Find();
  if (!bound.ok() || bound->id() != found->id() || !S_ISSOCK(found->status.st_mode)) {
    return absl::AbortedError(fmt::format("{}: somebody has put something else in place of {}",
                                          options.what, options.path));
  }
  UnixListener listener(options.path, *std::move(place), std::move(socket), *std::move(lock));
  listener.bound_ = found->id();
  return listener;
}

UnixListener::UnixListener(std::string path, SocketPlace place, FileDescriptor socket,
                           RuntimeLock lock)
    : path_(std::move(path)),
      place_(std::move(place)),
      socket_(std::move(socket)),
      lock_(std::move(lock)) {}

UnixListener::~UnixListener() {
  if (!socket_.valid()) return;  // nothing is ours after a move
  if (bound_) static_cast<void>(place_.RemoveIf(*bound_));
  // An io_uring may hold it open for a while yet.
  shutdown(socket_.get(), SHUT_RDWR);
}

absl::StatusOr<UnixListener> UnixListener::Open(const Options& options, FileDescriptor inherited) {
  return inherited.valid() ? Inherit(options, std::move(inherited)) : Bind(options);
}

absl::Status UnixListener::BindSocket(const Options& options) {
  // bind() creates the file with the socket's own mode less the umask, which all threads share.
  // Until the file is given to another user, nobody else can use it.
  const bool is_given = options.user || options.group;
  const mode_t first = is_given ? S_IRUSR | S_IWUSR : options.mode;
  if (fchmod(socket_.get(), first) != 0) return Failed(options, "cannot set the mode of");
  if (absl::Status may = CheckMayBind(options, place_, socket_); !may.ok()) return may;
  const sockaddr_un address = AddressOf(place_.address());
  if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return Failed(options, "cannot bind");
  }
  const auto bound = IdentifyBound(options);
  if (!bound.ok()) return bound.status();
  constexpr auto kAsItIs = static_cast<uid_t>(-1);
  if (is_given && fchownat(bound->file.get(), "", options.user.value_or(kAsItIs),
                           options.group.value_or(kAsItIs), AT_EMPTY_PATH) != 0) {
    return Failed(options, "cannot give to another user or group");
  }
  if (options.type != SOCK_DGRAM && listen(socket_.get(), kBacklog) != 0) {
    return Failed(options, "cannot listen at");
  }
  constexpr mode_t kPermissions = 07777;
  const bool has_mode = !is_given && (bound->status.st_mode & kPermissions) == options.mode;
  if (!has_mode && chmod(bound->path().c_str(), options.mode) != 0) {
    return Failed(options, "cannot set the mode of");
  }
  return absl::OkStatus();
}

// Returns the file that was bound, as the kernel reports it for the socket, not by its name.
absl::StatusOr<FoundFile> UnixListener::IdentifyBound(const Options& options) {
  FileDescriptor file(ioctl(socket_.get(), kOpenBoundFile));
  auto bound = file.valid() ? SocketPlace::Look(std::move(file)) : GuessBound(options);
  if (!bound.ok()) return bound.status();
  bound_ = bound->id();
  const auto found = place_.Find();
  if (found.ok() && found->id() == *bound_) return bound;
  return absl::AbortedError(
      fmt::format("{}: somebody has put something else in place of {}; use a folder that nobody "
                  "else may write",
                  options.what, options.path));
}

// Returns the bound file without CAP_NET_ADMIN: the file of that name, if it is a socket of this
// user.
absl::StatusOr<FoundFile> UnixListener::GuessBound(const Options& options) const {
  auto found = place_.Find();
  if (!found.ok()) return About(options, found.status());
  if (S_ISSOCK(found->status.st_mode) && found->status.st_uid == geteuid()) return found;
  return absl::AbortedError(fmt::format("{}: somebody has put something else in place of {}",
                                        options.what, options.path));
}

}  // namespace tapswitch
