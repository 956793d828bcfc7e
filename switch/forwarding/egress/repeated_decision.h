// The decision of a frame for those behind it that are like it: of one conversation, mostly, as
// ports are read one after the other.
//
// A decision goes by the ingress, the first 18 bytes (addresses, tag, type), the table, the view
// and the time. In a batch the last three stay the same as long as no frame changes them. So it can
// be repeated where it was that of a known unicast frame at which nothing else looked, and whose
// source was where the table had it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "switch/forwarding/egress/egress_lists.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

struct RepeatedDecision {
  bool may_be_repeated = false;
  bool counts_received = false;  // in the counters of the VLAN
  PortId egress{0};
  VlanId vlan;
  EgressFrame copy;  // but for the number of its frame
};

// Whether two frames differ in nothing but what is behind their first 18 bytes.
[[nodiscard]] inline bool AreAlike(const Frame& one, const Frame& other) {
  constexpr size_t kBytes = 18;
  if (one.ingress != other.ingress || one.bytes().size() < kBytes ||
      other.bytes().size() < kBytes) {
    return false;
  }
  return std::memcmp(one.bytes().data(), other.bytes().data(), kBytes) == 0;
}

}  // namespace tapswitch
