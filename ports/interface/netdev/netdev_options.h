// The options of a netdev port.

#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "ports/port_spec.h"

namespace tapswitch {

struct NetdevOptions {
  std::string name;

  // The namespace that the interface is in: a name of `ip netns`, or a path. Empty: the one the
  // switch runs in.
  std::string netns{};

  // Whether the network stack of that namespace goes on receiving what comes in by the interface.
  bool shared_with_host = false;

  bool operator==(const NetdevOptions&) const = default;
};

// InvalidArgument names the bad key or value and says what would be right.
[[nodiscard]] absl::StatusOr<NetdevOptions> ParseNetdevOptions(const PortSpec& spec);

}  // namespace tapswitch
