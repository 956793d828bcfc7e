#include "switch/forwarding/screening.h"

#include "switch/forwarding/forwarder.h"

namespace tapswitch {

std::optional<DropReason> Screening::Check(const ForwardingView& view, const MacTable& table,
                                           const ScreenedFrame& frame, Tick now) {
  const VlanId vlan = frame.as.vlan;
  if (!view.masks(vlan).members.contains(frame.ingress)) return std::nullopt;
  return Screen(view, table, frame.ingress, vlan, frame.header.source, now);
}

}  // namespace tapswitch
