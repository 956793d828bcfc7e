#include "switch/forwarding/screening.h"

#include "switch/forwarding/forwarder.h"

namespace tapswitch {

std::optional<DropReason> Screening::Check(const ForwardingView& view, const MacTable& table,
                                           const ScreenedFrame& frame, Tick now) {
  verdict_ = ProtocolVerdict::kPass;
  ProtocolContext context{view, table, now, alarms_, outbox_};
  // First, as a probe is the bridge's own frame, whose source no guard would let in.
  if (view.detects_loops() && loop_detector_ != nullptr &&
      loop_detector_->See(frame, context) == ProtocolVerdict::kConsume) {
    return DropReason::kLoopProbe;
  }
  const VlanId vlan = frame.as.vlan;
  if (!view.masks(vlan).members.contains(frame.ingress)) return std::nullopt;
  if (const auto refused = Screen(view, table, frame.ingress, vlan, frame.header.source, now)) {
    return refused;
  }
  // Last, so that nothing is believed of a station that is not let in.
  if (!view.neigh_suppressed().empty() && neighbours_ != nullptr) {
    verdict_ = neighbours_->See(frame, context);
  }
  return std::nullopt;
}

}  // namespace tapswitch
