// Changes of a port's VLANs, with the rules of bridge(8) and of the kernel's bridge
// (net/bridge/br_vlan.c: nbp_vlan_add, nbp_vlan_delete, __br_vlan_set_default_pvid).

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/vlan_set.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

inline constexpr VlanId kDefaultPvid{1};  // IEEE 802.1Q, table 9-2

// A range of VLANs, both ends included.
struct VlanRange {
  VlanId first;
  VlanId last;

  bool operator==(const VlanRange&) const = default;
};

// Parses `VID` or `VID-VID`, 1 to 4094. InvalidArgument names the mistake.
[[nodiscard]] absl::StatusOr<VlanRange> ParseVlanRange(std::string_view text);

// Parses a list, `VID[-VID][,VID[-VID]]...`. InvalidArgument names the mistake.
[[nodiscard]] absl::StatusOr<std::vector<VlanRange>> ParseVlanList(std::string_view text);

// Formats a range in the form of ParseVlanRange.
[[nodiscard]] std::string RangeText(VlanRange range);

// Returns the VLANs of a port that is an untagged member of `pvid` alone, or of none if that is
// kNoVlan.
[[nodiscard]] PortVlans OnlyPvid(VlanId pvid);

// Makes the port a member, or changes its membership: without `pvid` or `untagged`, that property
// is removed. InvalidArgument if a range is to be the PVID.
[[nodiscard]] absl::Status AddVlans(VlanRange range, bool pvid, bool untagged, PortVlans& vlans);

// Does so for each range of a list, or for none of them.
[[nodiscard]] absl::Status AddVlanList(const std::vector<VlanRange>& list, bool pvid, bool untagged,
                                       PortVlans& vlans);

// Ends the port's membership. Has no effect on VLANs that it is not a member of.
void DeleteVlans(VlanRange range, PortVlans& vlans);

// Changes the default PVID of a port. Affects it only if the old default is its untagged PVID, and
// it has no settings for the new one.
void ChangeDefaultPvid(VlanId from, VlanId to, PortVlans& vlans);

// Returns the port's exceptions in this VLAN, to be changed; they are made if there are none.
[[nodiscard]] VlanForwarding& ExceptionFor(VlanId vlan, PortVlans& vlans);
// Removes exceptions without content, and those of VLANs that the port is not a member of.
void TidyExceptions(PortVlans& vlans);

// Returns the members in ascending order. Consecutive VLANs with equal tag, PVID and exceptions
// form one range.
[[nodiscard]] std::vector<VlanRange> RangesOf(const PortVlans& vlans);

// Parses `802.1Q` or `802.1ad`, in any case.
[[nodiscard]] std::optional<EtherType> ParseVlanProtocol(std::string_view text);
[[nodiscard]] std::string_view NameOfVlanProtocol(EtherType protocol);

}  // namespace tapswitch
