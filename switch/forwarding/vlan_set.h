// A set of VLANs: 512 bytes.

#pragma once

#include "switch/forwarding/bit_set.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

using VlanSet = BitSet<VlanId, kVlanCount>;

}  // namespace tapswitch
