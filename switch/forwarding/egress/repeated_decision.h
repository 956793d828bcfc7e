// The decision of a frame for those behind it that are like it: of one conversation, mostly, as
// ports are read one after the other.
//
// A decision goes by the ingress, the header (addresses, tag, type), the table, the view and the
// time. In a batch the last three stay the same as long as no frame changes them. So it can be
// repeated where it was that of a known unicast frame at which nothing else looked, and whose
// source was where the table had it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "switch/forwarding/egress/egress_lists.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

struct RepeatedDecision {
  bool may_be_repeated = false;
  bool counts_received = false;  // in the counters of the VLAN
  PortId egress{0};
  VlanId vlan;
  EgressFrame copy;  // but for the number of its frame
};

// Whether two frames differ in nothing but what is behind their headers.
[[nodiscard]] inline bool AreAlike(const Frame& one, const Frame& other) {
  constexpr size_t kWithTag = kEthernetHeaderSize + kVlanTagSize;
  if (one.ingress != other.ingress || one.bytes().size() < kWithTag ||
      other.bytes().size() < kWithTag) {
    return false;
  }
  const std::byte* const a = one.bytes().data();
  const std::byte* const b = other.bytes().data();
  if (std::memcmp(a, b, kEthernetHeaderSize) != 0) return false;
  return !IsVlanTag(static_cast<EtherType>(LoadBe16(a + kTypeOffset))) ||
         std::memcmp(a + kEthernetHeaderSize, b + kEthernetHeaderSize, kVlanTagSize) == 0;
}

}  // namespace tapswitch
