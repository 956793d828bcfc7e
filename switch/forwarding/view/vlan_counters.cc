#include "switch/forwarding/view/vlan_counters.h"

#include <algorithm>
#include <utility>

namespace tapswitch {

VlanCounterChange VlanCounterTable::Plan(const ForwardingView& before,
                                         const ForwardingView& after) const {
  VlanCounterChange change;
  const PortSet none;
  const auto members = [&none](const ForwardingView& view, VlanId vlan) -> const PortSet& {
    return view.filters_vlans() ? view.masks(vlan).members : none;
  };
  for (uint16_t id = kLeastVlan.value; id <= kMostVlan.value; ++id) {
    const VlanId vlan{id};
    const PortSet& left = members(after, vlan);
    const size_t size = left.empty() ? 0 : after.id_count();
    const bool is_replaced = rows_[id].size() < size || (size == 0 && !rows_[id].empty());
    VlanCounterChange::Row row{
        .vlan = vlan, .lost = members(before, vlan) - left, .is_replaced = is_replaced};
    if (!is_replaced && row.lost.empty()) continue;
    if (is_replaced) row.replacement.resize(size);
    change.rows.push_back(std::move(row));
  }
  return change;
}

void VlanCounterTable::Apply(VlanCounterChange& change) {
  for (VlanCounterChange::Row& planned : change.rows) {
    auto& row = rows_[planned.vlan.value];
    if (planned.is_replaced) {
      const size_t kept = std::min(row.size(), planned.replacement.size());
      std::copy_n(row.begin(), kept, planned.replacement.begin());
      std::swap(row, planned.replacement);
    }
    planned.lost.ForEach([&row](PortId port) {
      if (port.value < row.size()) row[port.value] = {};
    });
  }
}

}  // namespace tapswitch
