// The configuration of FRR by which it announces the VNIs of this machine.

#pragma once

#include <string>
#include <vector>

#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

// Returns the lines of frr.conf for a machine whose vxlan devices have that local address. PEER and
// the number of the autonomous system are to be replaced.
[[nodiscard]] std::vector<std::string> FrrLines(IpAddress local);

}  // namespace tapswitch
