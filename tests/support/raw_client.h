// The other end of a control socket. It never waits: data written to a Unix socket arrive at once.

#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "ports/os/file_descriptor.h"

namespace tapswitch {

class RawClient {
 public:
  RawClient() : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}

  // Connects. Returns false if the backlog is full (or no process listens).
  [[nodiscard]] bool Connect(const std::string& path) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    return connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }

  // Sends as many bytes as fit. Returns how many; sets broken() if no process listens.
  size_t Send(std::string_view bytes) {
    size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t count =
          send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0) {
        broken_ = errno != EAGAIN;
        break;
      }
      sent += static_cast<size_t>(count);
    }
    return sent;
  }
  [[nodiscard]] bool broken() const { return broken_; }

  // Receives and returns at most `limit` bytes.
  std::string Receive(size_t limit = size_t{1} << 30U) {
    std::string all;
    std::array<char, 65536> bytes{};
    while (all.size() < limit) {
      const size_t wanted = std::min(bytes.size(), limit - all.size());
      const ssize_t count = recv(fd_.get(), bytes.data(), wanted, MSG_DONTWAIT);
      if (count <= 0) {
        closed_ = count == 0 || errno != EAGAIN;
        break;
      }
      all.append(bytes.data(), static_cast<size_t>(count));
    }
    return all;
  }
  // Whether the last Receive() reached the end of the stream.
  [[nodiscard]] bool closed() const { return closed_; }

  void ShutDown(int how) const { shutdown(fd_.get(), how); }
  void Close() { fd_ = FileDescriptor(); }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  FileDescriptor fd_;
  bool broken_ = false;
  bool closed_ = false;
};

}  // namespace tapswitch
