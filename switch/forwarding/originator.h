// How what the bridge itself has to say enters its forwarding: at *group*, so that tags, states,
// mirrors and counters hold for it as for any other frame.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "switch/forwarding/egress/originated_frames.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/view/vlan_counters.h"

namespace tapswitch {

class Originator {
 public:
  // All outlive this.
  Originator(const ForwardingView& view, VlanCounterTable& counters, OriginatedFrames& frames)
      : view_(view), counters_(counters), frames_(frames) {}

  // Sends `frame`, which has no tag, in a VLAN by those of `ports` that forward it, with a tag
  // where the VLAN has one; `priority` is PCP and DEI in the bits of a tag. Returns the ports it
  // leaves by: fewer when there is no room. Precondition: frame.size() <=
  // OriginatedFrames::kMaxFrameSize - kVlanTagSize.
  PortSet Send(VlanId vlan, std::span<const std::byte> frame, const PortSet& ports,
               uint16_t priority = 0);

  // Sends `frame` to the other end of one port's link, as it is, whatever the state of the port:
  // protocols between bridges belong to no VLAN (IEEE 802.1Q, 8.6.3). False when there is no room.
  // Precondition: frame.size() <= OriginatedFrames::kMaxFrameSize.
  [[nodiscard]] bool SendOnLink(PortId port, std::span<const std::byte> frame);

 private:
  [[nodiscard]] PortSet AppendTo(const PortSet& ports, std::span<const std::byte> frame,
                                 VlanId vlan);
  [[nodiscard]] bool Append(PortId port, Piece wire, VlanId vlan);

  const ForwardingView& view_;
  VlanCounterTable& counters_;
  OriginatedFrames& frames_;
};

}  // namespace tapswitch
