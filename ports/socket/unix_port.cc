#include "ports/socket/unix_port.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "ports/socket/dgram_port.h"
#include "ports/socket/stream_port.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

UnixListener::Options ListenerOptions(const UnixOptions& options) {
  constexpr std::chrono::milliseconds kPatience(500);
  return {.what = fmt::format("port '{}'", options.name),
          .path = options.path,
          .type = options.mode == UnixOptions::Mode::kDgram ? SOCK_DGRAM : SOCK_STREAM,
          .mode = options.mode_bits,
          .user = options.user,
          .group = options.group,
          .patience = kPatience};
}

int IntOption(int fd, int what) {
  int value = -1;
  socklen_t size = sizeof(value);
  return getsockopt(fd, SOL_SOCKET, what, &value, &size) == 0 ? value : -1;
}

bool IsConnected(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  return getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

// A copy of the inherited descriptor, so that the port can be removed and added again.
absl::StatusOr<FileDescriptor> Inherit(const UnixOptions& options) {
  const int fd = *options.fd;
  if (IntOption(fd, SO_DOMAIN) != AF_UNIX || IntOption(fd, SO_TYPE) != SOCK_DGRAM ||
      !IsConnected(fd)) {
    return absl::InvalidArgumentError(
        fmt::format("port '{}': fd={}: it is no connected Unix datagram socket that the switch was "
                    "started with: make a pair of them with socketpair(2)",
                    options.name, fd));
  }
  FileDescriptor copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid() || fcntl(copy.get(), F_SETFL, O_NONBLOCK) != 0) {
    return absl::ErrnoToStatus(errno, fmt::format("port '{}': fd={}", options.name, fd));
  }
  return copy;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Port>> OpenUnixPort(const PortIdentity& identity,
                                                   const UnixOptions& options,
                                                   UnixListeners& listeners,
                                                   PortHandover* inherited) {
  FileDescriptor handed = inherited != nullptr ? inherited->Take("socket") : FileDescriptor();
  if (options.fd) {
    auto socket = Inherit(options);
    if (!socket.ok()) return socket.status();
    return std::make_unique<DgramPort>(identity, *std::move(socket), options.mtu);
  }
  if (options.mode == UnixOptions::Mode::kDgram) {
    auto socket = UnixListener::Open(ListenerOptions(options), std::move(handed));
    if (!socket.ok()) return socket.status();
    return std::make_unique<DgramPort>(identity, *std::move(socket), options.remote, options.mtu);
  }
  auto listener = listeners.Get(ListenerOptions(options), std::move(handed));
  if (!listener.ok()) return listener.status();
  return std::make_unique<StreamPort>(identity, *std::move(listener), options.mtu);
}

}  // namespace tapswitch
