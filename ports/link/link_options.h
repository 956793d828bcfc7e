// The options of a link port.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "ports/link/link_place.h"
#include "ports/option_keys.h"
#include "ports/port_spec.h"

namespace tapswitch {

struct LinkOptions {
  std::string name;
  std::optional<LinkTarget> to{};  // the port that it connects to; nothing: it waits for one
  uint32_t mtu = kMostMtu;         // bytes behind the Ethernet header
};

// Parses the options. InvalidArgument names the bad key or value and the cure.
[[nodiscard]] absl::StatusOr<LinkOptions> ParseLinkOptions(const PortSpec& spec);

}  // namespace tapswitch
