// The options of a netdev port.

#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "ports/port_spec.h"

namespace tapswitch {

// The fate of a port whose interface is missing when it is opened.
enum class MissingInterface : uint8_t {
  kRefused,  // it may be a mistake in writing
  kAwaited,  // the port is down until there is one of its name
};

struct NetdevOptions {
  std::string name;

  // The namespace that the interface is in: a name of `ip netns`, or a path. Empty: the one the
  // switch runs in.
  std::string netns{};

  // Whether the network stack of that namespace goes on receiving what comes in by the interface.
  bool shared_with_host = false;

  // Whether the port waits for an interface that is missing, also where it would be refused.
  bool waits = false;

  // Whether the switch has made the interface: once it is deleted, another of its name is not it.
  bool is_own = false;

  // Whether it carries IP packets without Ethernet headers, as the tun of a program does.
  bool is_layer3 = false;

  bool operator==(const NetdevOptions&) const = default;
};

// InvalidArgument names the bad key or value and says what would be right.
[[nodiscard]] absl::StatusOr<NetdevOptions> ParseNetdevOptions(const PortSpec& spec);

}  // namespace tapswitch
