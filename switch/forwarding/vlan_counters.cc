#include "switch/forwarding/vlan_counters.h"

namespace tapswitch {

void VlanCounterTable::Prepare(const ForwardingView& view) {
  for (uint16_t id = kLeastVlan.value; id <= kMostVlan.value; ++id) {
    auto& row = rows_[id];
    const PortSet& members = view.masks(VlanId{id}).members;
    if (!view.filters_vlans() || members.empty()) {
      if (!row.empty()) row = {};
      continue;
    }
    for (uint16_t port = 0; port < row.size(); ++port) {
      if (!members.contains({port})) row[port] = {};
    }
    if (row.size() < view.id_count()) row.resize(view.id_count());
  }
}

}  // namespace tapswitch
