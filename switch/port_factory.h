// The types of ports there are.

#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/link_monitor.h"
#include "ports/port.h"
#include "ports/port_spec.h"

namespace tapswitch {

// Whether `spec` is right as far as its text tells: type, keys and values.
[[nodiscard]] absl::Status CheckPort(const PortSpec& spec);

// Opens the device and makes the port of it, not started yet. `monitor` outlives the port. Errors
// name the port; nothing is left behind.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Port>> MakePort(const PortSpec& spec,
                                                             const PortIdentity& identity,
                                                             LinkMonitor& monitor);

}  // namespace tapswitch
