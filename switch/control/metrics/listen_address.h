// The address on which metrics are served, from the text of --metrics_listen.

#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

// An IPv4 address.
struct ListenAddress {
  std::string host;   // a numeric address
  uint16_t port = 0;  // 0: the kernel chooses one

  [[nodiscard]] sockaddr_in ToSockaddr() const;
};

// Parses 127.0.0.1:9100, or :9100 for all addresses. An error names the text and the cure.
[[nodiscard]] absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

// Returns a socket that listens there and does not block, or why there is none, in the kernel's
// words.
[[nodiscard]] absl::StatusOr<FileDescriptor> ListenOn(const ListenAddress& address);

// The port that a socket is bound to.
[[nodiscard]] uint16_t PortOf(int socket);

}  // namespace tapswitch
