// A set of ports: 128 bytes.

#pragma once

#include "switch/forwarding/bit_set.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

using PortSet = BitSet<PortId, kMaxPorts>;

}  // namespace tapswitch
