// Changes that make an interface a port of the kernel's bridge again, as it was, and that take it
// out.
//
// Every function works in the namespace of the calling thread. Errors name the interface.

#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "ports/netlink/linux_bridge.h"

namespace tapswitch {

// Makes interface `ifindex` a port of the bridge with index `master`; 0 takes it out of its bridge.
// The interface stays up and keeps its carrier.
[[nodiscard]] absl::Status SetMaster(int ifindex, int master);

// Changes settings of port `ifindex`, all of them or none.
[[nodiscard]] absl::Status ChangeBridgePort(int ifindex, const LinuxBridgeSettings& settings);

// Gives a port its settings and VLANs, where it has just become a port and has `default_pvid` only.
// Settings that this kernel does not know are left out.
[[nodiscard]] absl::Status RestorePort(const LinuxBridgePort& port, uint16_t default_pvid);

// Adds or replaces an entry of the address table, on port `ifindex`.
[[nodiscard]] absl::Status RestoreEntry(const LinuxBridgeEntry& entry, int ifindex);

// Lets port `ifindex` of the bridge with index `master` have the frames of a group again.
[[nodiscard]] absl::Status RestoreGroup(const LinuxBridgeGroup& group, int ifindex, int master);

// Has the bridge flood nothing to this port.
[[nodiscard]] absl::Status StopFlooding(int ifindex);

// Makes interface `ifindex`, which is down, ready to be the only port of a bridge with this
// address: it gets that address, too, so that the bridge keeps it, and makes no IPv6 address of its
// own.
[[nodiscard]] absl::Status PrepareUplink(int ifindex, MacAddress address);

}  // namespace tapswitch
