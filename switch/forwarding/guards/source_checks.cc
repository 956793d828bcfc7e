#include "switch/forwarding/guards/source_checks.h"

namespace tapswitch {

std::optional<DropReason> Screen(const ForwardingView& view, const MacTable& table, PortId ingress,
                                 VlanId vlan, MacAddress source, Tick now) {
  const AllowList* const allowed = view.security(ingress).allowed.get();
  if (allowed != nullptr && !allowed->Has(source)) return DropReason::kSpoofed;
  if (!view.is_locked(ingress)) return std::nullopt;
  const auto found = table.Lookup(vlan, source, now);
  if (!found || found->is_local) return DropReason::kLocked;
  const bool is_here = found->group == kNoGroup ? found->port == ingress
                                                : table.group(found->group).contains(ingress);
  if (!is_here || table.IsLocked(vlan, source)) return DropReason::kLocked;
  return std::nullopt;
}

bool DropsAtLimit(const ForwardingView& view, const MacTable& table, PortId ingress, VlanId vlan,
                  MacAddress source, Tick now) {
  const LimitAction action = view.security(ingress).at_limit;
  const bool drops = action == LimitAction::kDrop || action == LimitAction::kShutDown;
  return drops && table.IsAtPortLimit(vlan, source, ingress, now);
}

}  // namespace tapswitch
