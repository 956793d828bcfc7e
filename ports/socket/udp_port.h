// A port on a UDP socket, a frame a datagram, as QEMU's `-netdev dgram`, GNS3, VPCS and Dynamips
// speak it. Neither side asks the other for anything, so the port is up as soon as it is open.
//
// The socket is connected, so the kernel hands over what comes from `remote` only. Whoever can send
// with that source address can still send frames: nothing is encrypted or authenticated.

#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "ports/port.h"
#include "ports/port_handover.h"
#include "ports/socket/udp_options.h"

namespace tapswitch {

// Opens the socket, or takes the inherited one, and makes a port with one queue. Errors name the
// port and the cure.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Port>> OpenUdpPort(const PortIdentity& identity,
                                                                const UdpOptions& options,
                                                                PortHandover* inherited);

}  // namespace tapswitch
