// The options of a udp port.

#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "ports/port_spec.h"

namespace tapswitch {

// An address and port of IPv4 or IPv6, as system calls take them.
struct UdpAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

struct UdpOptions {
  std::string name;
  UdpAddress local{};
  UdpAddress remote{};
  uint32_t mtu = 1500;  // bytes behind the Ethernet header
};

// Parses a numeric address and a port, as 192.0.2.1:9000 or [2001:db8::1]:9000. InvalidArgument
// names the key, the text and the cure.
[[nodiscard]] absl::StatusOr<UdpAddress> ParseUdpAddress(std::string_view key,
                                                         std::string_view text);

// Parses the options. InvalidArgument names the bad key or value and the cure.
[[nodiscard]] absl::StatusOr<UdpOptions> ParseUdpOptions(const PortSpec& spec);

}  // namespace tapswitch
