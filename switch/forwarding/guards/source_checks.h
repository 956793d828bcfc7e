// The checks that a port's guards make of the source of a frame. They are pure functions of the
// view, the table and `now`, so that tracing a frame and forwarding it are the same code.

#pragma once

#include <optional>

#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/stats.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

// Whether a screened port takes frames from `source`. A refused one teaches nothing either. One
// with an allow list takes those that are on it. A locked port takes those whose entry is on it,
// and is neither locked itself nor the bridge's own (net/bridge/br_input.c, br_handle_frame_finish,
// BR_PORT_LOCKED). Precondition: view.is_screened(ingress).
[[nodiscard]] std::optional<DropReason> Screen(const ForwardingView& view, const MacTable& table,
                                               PortId ingress, VlanId vlan, MacAddress source,
                                               Tick now);

// Whether a frame is dropped because its source is one more than its port may learn. The limit of
// the bridge is not the port's fault, and drops nothing.
[[nodiscard]] bool DropsAtLimit(const ForwardingView& view, const MacTable& table, PortId ingress,
                                VlanId vlan, MacAddress source, Tick now);

// Whether a frame that was admitted may teach its source: those to reserved addresses do not, as
// they speak of a link, not of a station behind it.
[[nodiscard]] constexpr bool TeachesSource(const EthernetHeader& header) {
  return !header.destination.is_reserved();
}

}  // namespace tapswitch
