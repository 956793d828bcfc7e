// Where the metrics are served, from the text of --metrics_listen.

#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tapswitch {

// IPv4 alone: the web server of Debian 12 is built without IPv6.
struct ListenAddress {
  std::string host;   // a numeric address
  uint16_t port = 0;  // 0: the kernel chooses one

  [[nodiscard]] sockaddr_in ToSockaddr() const;
};

// Takes 127.0.0.1:9100, and :9100 for all addresses. An error names text and cure.
[[nodiscard]] absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

// Why nothing can listen there now, in the kernel's words; OK when something can.
[[nodiscard]] absl::Status ProbeListenAddress(const ListenAddress& address);

// Begins a connection to what listens there, and ends it. Never waits; errors do not matter.
void ConnectBriefly(const ListenAddress& address);

}  // namespace tapswitch
