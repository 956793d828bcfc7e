// The types of ports there are.

#pragma once

#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/link_monitor.h"
#include "ports/port.h"
#include "ports/port_spec.h"
#include "ports/unix_listeners.h"

namespace tapswitch {

// What ports of some types share. All of it outlives them, but for the listeners.
struct PortSurroundings {
  LinkMonitor& monitor;
  UnixListeners& listeners;
};

// Whether `spec` is right as far as its text tells: type, keys and values.
[[nodiscard]] absl::Status CheckPort(const PortSpec& spec);

// The ports that a user means by `spec`: one, or several with names of their own.
[[nodiscard]] absl::StatusOr<std::vector<PortSpec>> ExpandPort(const PortSpec& spec);

// Opens the device and makes the port of it, not started yet. Errors name the port; nothing is left
// behind.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Port>> MakePort(const PortSpec& spec,
                                                             const PortIdentity& identity,
                                                             const PortSurroundings& surroundings);

// Opens the device with up to identities.size() queues, one Port each (same id and generation; each
// counts in its own counters). The first is the port's own view of the interface; the others follow
// it. Fewer, at least one, where the port has only one queue.
[[nodiscard]] absl::StatusOr<std::vector<std::unique_ptr<Port>>> MakePortQueues(
    const PortSpec& spec, std::span<const PortIdentity> identities,
    const PortSurroundings& surroundings);

}  // namespace tapswitch
