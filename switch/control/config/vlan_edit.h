// Changes of a port's VLANs, with the rules of bridge(8) and of the kernel's bridge
// (net/bridge/br_vlan.c: nbp_vlan_add, nbp_vlan_delete, __br_vlan_set_default_pvid).

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/forwarding/forwarding_view.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/vlan_set.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

inline constexpr VlanId kDefaultPvid{1};  // IEEE 802.1Q, table 9-2

// Both ends are in it.
struct VlanRange {
  VlanId first;
  VlanId last;

  bool operator==(const VlanRange&) const = default;
};

// `VID` or `VID-VID`, 1 to 4094. InvalidArgument names what is wrong.
[[nodiscard]] absl::StatusOr<VlanRange> ParseVlanRange(std::string_view text);

// One VLAN or several, as ParseVlanRange reads them.
[[nodiscard]] std::string RangeText(VlanRange range);

// A member of `pvid` alone, untagged; of none when that is kNoVlan.
[[nodiscard]] PortVlans OnlyPvid(VlanId pvid);

// Makes the port a member, or changes how it is one: without `pvid` or `untagged`, what was so is no
// longer. InvalidArgument: a range cannot be the PVID.
[[nodiscard]] absl::Status AddVlans(VlanRange range, bool pvid, bool untagged, PortVlans& vlans);

// No effect where it is no member.
void DeleteVlans(VlanRange range, PortVlans& vlans);

// A port that has the old default as its untagged PVID, and nothing for the new, follows.
void ChangeDefaultPvid(VlanId from, VlanId to, PortVlans& vlans);

// What the port does differently in this VLAN, to be changed; made when there is nothing yet.
[[nodiscard]] VlanForwarding& ExceptionFor(VlanId vlan, PortVlans& vlans);
// Forgets exceptions that say nothing, or of VLANs that the port is no member of.
void TidyExceptions(PortVlans& vlans);

// Members in ascending order, those together whose tag, PVID and exceptions are alike and whose
// numbers follow on each other.
[[nodiscard]] std::vector<VlanRange> RangesOf(const PortVlans& vlans);

// `802.1Q` or `802.1ad`, in any case.
[[nodiscard]] std::optional<EtherType> ParseVlanProtocol(std::string_view text);
[[nodiscard]] std::string_view NameOfVlanProtocol(EtherType protocol);

}  // namespace tapswitch
