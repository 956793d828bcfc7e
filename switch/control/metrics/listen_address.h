// The address on which metrics are served, from the text of --metrics_listen.

#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tapswitch {

// An IPv4 address; the web server of Debian 12 is built without IPv6.
struct ListenAddress {
  std::string host;   // a numeric address
  uint16_t port = 0;  // 0: the kernel chooses one

  [[nodiscard]] sockaddr_in ToSockaddr() const;
};

// Parses 127.0.0.1:9100, or :9100 for all addresses. An error names the text and the cure.
[[nodiscard]] absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

// Returns why no socket can listen there now, in the kernel's words; OK if one can.
[[nodiscard]] absl::Status ProbeListenAddress(const ListenAddress& address);

// Opens a connection to that address, and closes it. Never waits, and ignores errors.
void ConnectBriefly(const ListenAddress& address);

}  // namespace tapswitch
