// The other end of a unix port, which behaves like QEMU.

#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "ports/socket/stream_framer.h"

namespace tapswitch {

[[nodiscard]] inline sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

[[nodiscard]] inline bool IsReadable(int fd, std::chrono::milliseconds limit) {
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&ready, 1, static_cast<int>(limit.count())) == 1;
}

// The limit of waiting for an answer; a test that reaches it has failed.
inline constexpr std::chrono::milliseconds kAnswerLimit(30'000);

// `-netdev stream`.
class StreamPeer {
 public:
  StreamPeer() = default;
  // Throws if no process listens there.
  explicit StreamPeer(const std::string& path) {
    if (!Connect(path)) throw std::runtime_error("connect " + path + ": " + strerror(errno));
  }

  [[nodiscard]] bool Connect(const std::string& path) {
    fd_ = FileDescriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = UnixAddress(path);
    received_.clear();
    return connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  void HangUp() { fd_ = FileDescriptor(); }
  [[nodiscard]] int fd() const { return fd_.get(); }

  // Sends bytes, and waits until all are sent. Returns false if the connection has ended.
  bool SendBytes(std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      bytes = bytes.subspan(static_cast<size_t>(sent));
    }
    return true;
  }
  static std::vector<std::byte> Wire(std::span<const std::byte> frame) {
    const auto prefix = StreamPrefix(frame.size());
    std::vector<std::byte> wire(prefix.begin(), prefix.end());
    wire.insert(wire.end(), frame.begin(), frame.end());
    return wire;
  }
  bool Send(std::span<const std::byte> frame) const { return SendBytes(Wire(frame)); }

  // Returns the next frame; nothing if none comes within `limit`, or the connection ends.
  std::optional<std::vector<std::byte>> Receive(std::chrono::milliseconds limit = kAnswerLimit) {
    for (;;) {
      if (auto frame = TakeFrame()) return frame;
      if (!IsReadable(fd_.get(), limit)) return std::nullopt;
      std::array<std::byte, 65536> part{};
      const ssize_t size = recv(fd_.get(), part.data(), part.size(), 0);
      if (size <= 0) return std::nullopt;
      received_.insert(received_.end(), part.begin(), part.begin() + size);
    }
  }

  // Waits for the peer to hang up, and reads its data until then.
  [[nodiscard]] bool WaitForHangUp() const {
    std::array<std::byte, 65536> part{};
    while (IsReadable(fd_.get(), kAnswerLimit)) {
      if (recv(fd_.get(), part.data(), part.size(), 0) <= 0) return true;
    }
    return false;
  }

 private:
  std::optional<std::vector<std::byte>> TakeFrame() {
    if (received_.size() < kStreamPrefixSize) return std::nullopt;
    size_t size = 0;
    for (size_t i = 0; i < kStreamPrefixSize; ++i) {
      size = (size << 8U) | std::to_integer<size_t>(received_[i]);
    }
    if (received_.size() < kStreamPrefixSize + size) return std::nullopt;
    const auto begin = received_.begin() + kStreamPrefixSize;
    std::vector<std::byte> frame(begin, begin + static_cast<ptrdiff_t>(size));
    received_.erase(received_.begin(), begin + static_cast<ptrdiff_t>(size));
    return frame;
  }

  FileDescriptor fd_;
  std::vector<std::byte> received_;
};

// `-netdev dgram`, bound to a path.
class DgramPeer {
 public:
  explicit DgramPeer(const std::string& path) : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_un address = UnixAddress(path);
    if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      throw std::runtime_error("bind " + path + ": " + strerror(errno));
    }
  }
  [[nodiscard]] int fd() const { return fd_.get(); }

  bool SendTo(const std::string& path, std::span<const std::byte> frame) const {
    const sockaddr_un address = UnixAddress(path);
    return sendto(fd_.get(), frame.data(), frame.size(), 0,
                  reinterpret_cast<const sockaddr*>(&address), sizeof(address)) >= 0;
  }
  [[nodiscard]] std::optional<std::vector<std::byte>> Receive(
      std::chrono::milliseconds limit = kAnswerLimit) const {
    if (!IsReadable(fd_.get(), limit)) return std::nullopt;
    std::vector<std::byte> frame(kMaxSocketFrame + 1);
    const ssize_t size = recv(fd_.get(), frame.data(), frame.size(), 0);
    if (size < 0) return std::nullopt;
    frame.resize(static_cast<size_t>(size));
    return frame;
  }

 private:
  FileDescriptor fd_;
};

}  // namespace tapswitch
