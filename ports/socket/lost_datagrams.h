// Counts the datagrams that a socket's full receive queue has lost.

#pragma once

#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <utility>

namespace tapswitch {

class LostDatagrams {
 public:
  // Begins with what the socket has lost so far, for a socket that another process has used.
  void Begin(int fd) { seen_ = Total(fd); }

  // Returns how many were lost since the last call. Sockets that lose nothing, as Unix sockets,
  // always return 0.
  [[nodiscard]] uint32_t Read(int fd) {
    const uint32_t total = Total(fd);
    return total - std::exchange(seen_, total);
  }

 private:
  // The kernel counts with 32 bits, and wraps around.
  [[nodiscard]] uint32_t Total(int fd) const {
    std::array<uint32_t, SK_MEMINFO_VARS> memory{};
    socklen_t size = sizeof(memory);
    const bool is_known = getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &size) == 0 &&
                          size > SK_MEMINFO_DROPS * sizeof(uint32_t);
    return is_known ? memory[SK_MEMINFO_DROPS] : seen_;
  }

  uint32_t seen_ = 0;
};

}  // namespace tapswitch
