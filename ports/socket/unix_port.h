// A port on a Unix socket: QEMU's `-netdev stream` and `-netdev dgram`.

#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "ports/port.h"
#include "ports/socket/unix_listeners.h"
#include "ports/socket/unix_options.h"

namespace tapswitch {

// Opens the socket and makes a port with one queue. `listeners` is used during this call only.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Port>> OpenUnixPort(const PortIdentity& identity,
                                                                 const UnixOptions& options,
                                                                 UnixListeners& listeners,
                                                                 PortHandover* inherited = nullptr);

}  // namespace tapswitch
