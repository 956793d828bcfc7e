#include "ports/os/unix/accept.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {

Accepted AcceptConnection(int listener) {
  for (;;) {
    FileDescriptor connection(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection.valid()) return {.connection = std::move(connection), .refused = 0};
    if (errno == EINTR || errno == ECONNABORTED) continue;
    return {.connection = {}, .refused = errno == EAGAIN ? 0 : errno};
  }
}

std::string DescribePeer(int connection) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return "somebody";
  return fmt::format("process {} of user {}", peer.pid, peer.uid);
}

bool IsScarcity(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace tapswitch
