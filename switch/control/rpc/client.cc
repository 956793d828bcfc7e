#include "switch/control/rpc/client.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace tapswitch {
namespace {

constexpr size_t kReceiveAtOnce = 64U << 10U;

// So that one client that reads as fast as we send does not keep the others waiting.
constexpr size_t kSendAtOnce = 1U << 20U;

ControlPeer PeerOf(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return {};
  return {.pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid};
}

bool IsTransient(int error) { return error == EAGAIN || error == EINTR; }

}  // namespace

Client::Client(FileDescriptor fd) : fd_(std::move(fd)), peer_(PeerOf(fd_.get())) {}

void Client::Receive() {
  std::array<char, kReceiveAtOnce> bytes;  // NOLINT(*-member-init): recv fills it
  const ssize_t count = recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count > 0) {
    input_.Append({bytes.data(), static_cast<size_t>(count)});
    return;
  }
  // One that only shut down its reading counts as hung up too, and could write for ever.
  const bool may_come = count < 0 && (errno == EINTR || (errno == EAGAIN && !hung_up_));
  if (may_come) return;
  if (count < 0) HangUp();
  input_ended_ = true;
}

void Client::EndInput() {
  input_.Clear();
  input_ended_ = true;
}

void Client::QueueReply(std::string line, Tick now) {
  QueueEvent(std::move(line), now);
  reply_end_ = output_.appended();
}

void Client::QueueEvent(std::string line, Tick now) {
  if (hung_up_) return;
  if (output_.empty()) {
    unsent_since_ = now;
    progress_at_ = now;
  }
  output_.Append(std::move(line));
}

void Client::Send(Tick now) {
  size_t sent = 0;
  while (!output_.empty() && sent < kSendAtOnce) {
    const std::string_view front = output_.Front();
    const ssize_t count = send(fd_.get(), front.data(), front.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) {
      if (!IsTransient(errno)) HangUp();
      break;
    }
    output_.Consume(static_cast<size_t>(count));
    sent += static_cast<size_t>(count);
    progress_at_ = now;
  }
  awaits_room_ = !output_.empty();
}

bool Client::HasHungUp() const {
  if (hung_up_) return true;
  pollfd connection{.fd = fd_.get(), .events = 0, .revents = 0};
  return poll(&connection, 1, 0) == 1 && (connection.revents & (POLLHUP | POLLERR)) != 0;
}

void Client::HangUp() {
  hung_up_ = true;
  awaits_room_ = false;
  output_.Clear();
}

}  // namespace tapswitch
