// An interface that exists as a port.

#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

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

// Attaches the interface with a socket for each of `identities`, and makes a port of each; see
// MakePortQueues. `monitor` outlives them, and its events reach OnLinkChange.
[[nodiscard]] absl::StatusOr<std::vector<std::unique_ptr<Port>>> OpenNetdevPort(
    std::span<const PortIdentity> identities, const NetdevOptions& options, LinkMonitor& monitor);

}  // namespace tapswitch
