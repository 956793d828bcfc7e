#include "ports/link/link_connection.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// The kernel takes as much without privileges only below net.core.wmem_max.
constexpr int kSendBuffer = 4 << 20;

void EnlargeSendBuffer(int fd) {
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof(kSendBuffer)) == 0) return;
  static_cast<void>(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof(kSendBuffer)));
}

// Returns 0 or an errno.
int Connect(int fd, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return ENAMETOOLONG;
  path.copy(address.sun_path, path.size());
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
}

bool IsOfTrusted(int fd, std::string& why_not) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  const bool is_known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (is_known && (peer.uid == 0 || peer.uid == geteuid())) return true;
  why_not = fmt::format("it is of user {}, neither root nor the user of this switch: give its path",
                        peer.uid);
  return false;
}

}  // namespace

LinkAttempt ConnectToLink(std::span<const std::string> paths, bool is_trusted_only) {
  LinkAttempt attempt;
  for (const std::string& path : paths) {
    FileDescriptor fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int error = fd.valid() ? Connect(fd.get(), path) : errno;
    if (error == 0 && (!is_trusted_only || IsOfTrusted(fd.get(), attempt.why_not))) {
      return {.connection = std::move(fd), .why_not = ""};
    }
    const bool is_nobody = error == ENOENT || error == ECONNREFUSED || error == ENOTDIR;
    if (error != 0 && !is_nobody) attempt.why_not = fmt::format("{}: {}", path, strerror(error));
  }
  return attempt;
}

bool Greet(int connection, const LinkHello& own) {
  EnlargeSendBuffer(connection);
  const auto message = StoreLinkHello(own);
  return send(connection, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(message.size());
}

absl::StatusOr<std::optional<LinkHello>> ReadGreeting(int connection) {
  // The message of a later version may be longer; the rest of it is cut off.
  std::array<std::byte, kLinkHelloSize> message{};
  ssize_t size = recv(connection, message.data(), message.size(), MSG_DONTWAIT);
  // Reported once: the other end was closed before it had read all. What it has sent comes first.
  if (size < 0 && errno == ECONNRESET) {
    size = recv(connection, message.data(), message.size(), MSG_DONTWAIT);
  }
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (size <= 0) return absl::UnavailableError("the other end hung up");
  const auto hello = ParseLinkHello(std::span(message).first(static_cast<size_t>(size)));
  if (!hello.ok()) return hello.status();
  return *hello;
}

}  // namespace tapswitch
