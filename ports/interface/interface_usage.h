// The other users of an interface that becomes a port, and the consequences for them.

#pragma once

#include <string>
#include <vector>

#include "ports/netlink/link_state.h"
#include "ports/os/netns.h"

namespace tapswitch {

// One line for each kind of use that is cut off or bypassed once the switch has the interface, with
// what to do about it: addresses and routes of the host, interfaces on top of it, filters at its
// ingress, an XDP program. Nothing is cut off when the host goes on receiving (`shared_with_host`).
//
// It asks the kernel some questions, and gives up on each after a quarter of a second or some
// thousand answers; what cannot be known is left out. Uppers in other namespaces are not seen, as
// the kernel does not show them, and chains of nftables are not looked for. To be called before the
// port has put its own program there, and never by a thread that forwards.
[[nodiscard]] std::vector<std::string> DescribeUse(const NetworkNamespace& netns,
                                                   const LinkState& link, bool shared_with_host);

// A device by its kind and name, as "bridge 'br1'".
[[nodiscard]] std::string DescribeDevice(const NetworkNamespace& netns, int ifindex);

}  // namespace tapswitch
