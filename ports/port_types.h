// The types of ports there are.

#pragma once

#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/interface/link_answer.h"
#include "ports/interface/netdev_port.h"
#include "ports/netlink/link_monitor.h"
#include "ports/port.h"
#include "ports/port_spec.h"
#include "ports/socket/unix_listeners.h"

namespace tapswitch {

// The things that ports of some types share. The monitor outlives the ports; the others need not.
struct PortSurroundings {
  LinkMonitor& monitor;
  LinkSharing share_link;
  UnixListeners& listeners;
  AttachNotes& notes;  // of an interface that exists; they need not outlive the port
};

// Whether `spec` is right as far as its text tells: type, keys and values.
[[nodiscard]] absl::Status CheckPort(const PortSpec& spec);

// The ports that a user means by `spec`: one, or several with names of their own.
[[nodiscard]] absl::StatusOr<std::vector<PortSpec>> ExpandPort(const PortSpec& spec);

// Opens the device with up to identities.size() queues (one or more), and makes a Port of each, not
// started yet. The identities differ in their counters only. Each queue lives on a thread of its own:
// it is started there after the first has been, and hears of a change of a link after the first has.
// The first is the port's own view of the interface; the others follow it. Fewer, at least one,
// where the port has fewer queues. Errors name the port; nothing is left behind.
[[nodiscard]] absl::StatusOr<std::vector<std::unique_ptr<Port>>> MakePortQueues(
    const PortSpec& spec, std::span<const PortIdentity> identities,
    const PortSurroundings& surroundings);

}  // namespace tapswitch
