// A TAP as a port.

#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "ports/interface_port.h"
#include "ports/tap_options.h"

namespace tapswitch {

class TapPort final : public InterfacePort {
 public:
  // Takes a TAP that is open as OpenTap opens it. `accepted`: its offloads.
  TapPort(PortIdentity identity, FileDescriptor file, OffloadSet accepted, LinkQuery query);
};

// Opens the TAP and makes the port. `monitor` outlives it, and its events reach OnLinkChange.
[[nodiscard]] absl::StatusOr<std::unique_ptr<TapPort>> OpenTapPort(const PortIdentity& identity,
                                                                   const TapOptions& options,
                                                                   LinkMonitor& monitor);

}  // namespace tapswitch
