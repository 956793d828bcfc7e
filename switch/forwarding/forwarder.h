// The decision: where a frame goes. Pure functions of the view, the table, the header and `now`, so
// that tracing a frame and forwarding it are the same code.
//
// A frame passes Admit and, on a screened port, Screen; then is learned from (which changes the
// table, so the bridge does it), then Decide. What a known unicast decision depends on is (ingress,
// VLAN, source, destination) and the state of view and table; nothing else.

#pragma once

#include <optional>

#include "switch/forwarding/ethernet.h"
#include "switch/forwarding/forwarding_view.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/mac_table.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/stats.h"

namespace tapswitch {

// Whether the frame enters the bridge at all. A frame that is refused here does not teach its
// source address. Sources must be individual, non-zero addresses (net/bridge/br_input.c,
// is_valid_ether_addr); reserved destinations are not forwarded (IEEE 802.1Q, 8.6.3).
[[nodiscard]] std::optional<DropReason> Admit(const EthernetHeader& header);

// Whether a screened port takes frames from `source`. A refused one teaches nothing either. A
// locked port takes those whose entry is on it, and is not the bridge's own (net/bridge/br_input.c,
// br_handle_frame_finish, BR_PORT_LOCKED). Precondition: view.is_screened(ingress).
[[nodiscard]] std::optional<DropReason> Screen(const ForwardingView& view, const MacTable& table,
                                               PortId ingress, VlanId vlan, MacAddress source,
                                               Tick now);

struct Decision {
  enum class Action : uint8_t {
    kDrop,     // for `reason`
    kForward,  // to `egress`, which is known to have the destination behind it
    kFlood,    // to `flood`, which is not empty: flooded, or known to be behind all of these
  };

  Action action = Action::kDrop;
  DropReason reason = DropReason::kNoEgress;
  PortId egress;
  PortSet flood;

  bool operator==(const Decision&) const = default;
};

// Precondition: `ingress` is a port of `view`, the header was admitted.
[[nodiscard]] Decision Decide(const ForwardingView& view, const MacTable& table, PortId ingress,
                              VlanId vlan, const EthernetHeader& header, Tick now);

// The same, knowing what the look-up of the destination says: nothing for a group address.
[[nodiscard]] Decision DecideKnowing(const ForwardingView& view, const MacTable& table,
                                     PortId ingress, VlanId vlan, MacAddress destination,
                                     const std::optional<MacLookup>& found);

}  // namespace tapswitch
