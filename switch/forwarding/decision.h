// The decision: where a frame goes. Pure functions of the view, the table, the header and `now`, so
// that tracing a frame and forwarding it are the same code.
//
// A frame passes Admit and, on a screened port, Screen (guards/source_checks.h); then is learned
// from (which changes the table, so the bridge does it), then Decide. What a known unicast decision
// depends on is (ingress, VLAN, source, destination) and the state of view and table; nothing else.

#pragma once

#include <optional>

#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/group_decision.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/stats.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

// Whether the frame enters the bridge at all. A frame that is refused here does not teach its
// source address. Sources must be individual, non-zero addresses (net/bridge/br_input.c,
// is_valid_ether_addr); reserved destinations are not forwarded (IEEE 802.1Q, 8.6.3) unless the
// view says so. Precondition: `ingress` is a port of `view`.
[[nodiscard]] std::optional<DropReason> Admit(const ForwardingView& view, PortId ingress,
                                              const EthernetHeader& header);

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

// Precondition: `ingress` is a port of `view`, the header was admitted, and is classified as `as`.
[[nodiscard]] Decision Decide(const ForwardingView& view, const MacTable& table, PortId ingress,
                              Classification as, const EthernetHeader& header, Tick now,
                              const GroupFrame& frame = {});

// Decides as Decide does, given the result of the look-up of the destination: nothing for a group
// address.
[[nodiscard]] Decision DecideKnowing(const ForwardingView& view, const MacTable& table,
                                     PortId ingress, Classification as,
                                     const EthernetHeader& header,
                                     const std::optional<MacLookup>& found,
                                     const GroupFrame& frame = {});

}  // namespace tapswitch

#include "switch/forwarding/decision_inline.h"  // IWYU pragma: export
