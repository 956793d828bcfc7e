// The options of a veth port.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "ports/port_spec.h"

namespace tapswitch {

struct VethOptions {
  std::string name;

  // The namespace that the station's end is put into: a name of `ip netns`, or a path.
  std::string netns{};

  std::optional<uint32_t> mtu{};         // of both ends, in bytes; nothing: as it is
  std::optional<uint32_t> txqueuelen{};  // of both ends; nothing: as it is
  bool persist = false;                  // the pair stays when the switch closes it
  bool up = true;                        // bring the station's end up, too

  bool operator==(const VethOptions&) const = default;
};

// InvalidArgument names the bad key or value and says what would be right.
[[nodiscard]] absl::StatusOr<VethOptions> ParseVethOptions(const PortSpec& spec);

}  // namespace tapswitch
