#include "switch/control/guests/qmp_exchange.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

namespace tapswitch {

absl::StatusOr<QmpExchange> QmpExchange::Begin(const GuestPlace& place, bool is_up) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  place.socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return absl::ErrnoToStatus(errno, "socket");
  // The call says EAGAIN where many wait already, and is not carried on by itself.
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::ErrnoToStatus(errno, "connect");
  }
  return QmpExchange(std::move(socket), QmpDialogue(place.id, is_up));
}

std::optional<absl::Status> QmpExchange::Step() {
  std::array<char, 4096> bytes;  // NOLINT(*-member-init): it is filled in as far as it is used
  while (!dialogue_.result()) {
    const ssize_t size = recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
    if (size < 0) return absl::ErrnoToStatus(errno, "recv");
    if (size == 0) return absl::UnavailableError("QEMU hung up");
    dialogue_.Receive(std::string_view(bytes.data(), static_cast<size_t>(size)));
    if (absl::Status sent = Send(); !sent.ok()) return sent;
  }
  return dialogue_.result();
}

// A new socket has room for the few hundred bytes of a dialogue.
absl::Status QmpExchange::Send() {
  const std::string text = dialogue_.TakeOutput();
  if (text.empty()) return absl::OkStatus();
  const ssize_t sent = send(socket_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return absl::ErrnoToStatus(errno, "send");
  if (static_cast<size_t>(sent) == text.size()) return absl::OkStatus();
  return absl::UnavailableError("QEMU does not read");
}

}  // namespace tapswitch
