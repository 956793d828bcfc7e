// An interface that exists as a port.

#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "ports/interface_port.h"
#include "ports/netdev_options.h"

namespace tapswitch {

class NetdevPort final : public InterfacePort {
 public:
  // Tells how many frames the kernel has lost since it was asked last.
  using MissedQuery = std::function<uint32_t()>;

  // Takes a packet socket that is set up as NetdevDevice does it.
  NetdevPort(PortIdentity identity, FileDescriptor file, LinkQuery query, MissedQuery missed);
  ~NetdevPort() override { Detach(); }

  // Frames that found the socket's queue full were received, too, and dropped.
  void RefreshCounters() override;

 private:
  MissedQuery missed_;
};

// Attaches the interface and makes the port. `monitor` outlives it, and its events reach
// OnLinkChange.
[[nodiscard]] absl::StatusOr<std::unique_ptr<NetdevPort>> OpenNetdevPort(
    const PortIdentity& identity, const NetdevOptions& options, LinkMonitor& monitor);

}  // namespace tapswitch
