// The options of a tun port.

#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "ports/interface/netdev/netdev_options.h"
#include "ports/interface/tap/tap_options.h"
#include "ports/layer3/station.h"
#include "ports/port_spec.h"

namespace tapswitch {

struct TunOptions {
  std::string name;
  StationConfig station;    // without a MAC address where none is given
  std::string addresses{};  // of the station, as they were given, separated by spaces
  bool attaches = false;    // the interface is another's, and the switch is on its other side
  TapOptions tun;           // where it does not attach
  NetdevOptions netdev;     // where it does
};

// Parses the options. InvalidArgument names the bad key or value and the cure. Names of users and
// groups are looked up in the system's databases.
[[nodiscard]] absl::StatusOr<TunOptions> ParseTunOptions(const PortSpec& spec);

// A locally administered MAC address that is always the same for this port of this switch.
[[nodiscard]] MacAddress DeriveStationMac(std::string_view bridge, std::string_view port);

}  // namespace tapswitch
