// The counters of what each port carried in each of its VLANs.
//
// A row per VLAN, made when the VLAN gets its first member, so that the path of a frame only adds.
// Counters of a port that leaves a VLAN begin at zero when it comes back, as in the Linux bridge.

#pragma once

#include <cstddef>
#include <vector>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/stats.h"
#include "switch/forwarding/view/forwarding_view.h"

namespace tapswitch {

// The counters of a port in a VLAN, as bridge(8) has them (net/bridge/br_vlan.c): frames that came
// in, and copies that were handed to the port, whether or not it could send them.
struct VlanCounters {
  FrameCounter received;
  FrameCounter sent;

  bool operator==(const VlanCounters&) const = default;
};

// The change of a table of counters when one view takes the place of another.
struct VlanCounterChange {
  struct Row {
    VlanId vlan;
    PortSet lost;  // ports that are members no more
    // Replaces the row of counters: by a longer one, or by none when the VLAN has no members left.
    bool is_replaced = false;
    std::vector<VlanCounters> replacement;
  };
  std::vector<Row> rows;
};

class VlanCounterTable {
 public:
  VlanCounterTable() : rows_(kVlanCount) {}

  // Plans the change that Apply is to make, so that there are counters for each member of each VLAN
  // of `after`, and others are forgotten. `before` is the view that the last change was planned
  // for; at first, one without ports. Allocates what Apply needs. Another thread than the one that
  // counts may call this.
  [[nodiscard]] VlanCounterChange Plan(const ForwardingView& before,
                                       const ForwardingView& after) const;

  // Neither allocates nor frees memory: replaced rows are in `change` afterwards.
  void Apply(VlanCounterChange& change);

  // Precondition: a change was applied for a view in which `port` is a member of `vlan`.
  [[nodiscard]] VlanCounters& of(VlanId vlan, PortId port) { return rows_[vlan.value][port.value]; }

  // Adds what an earlier process has counted; without effect for what is no member.
  void Add(VlanId vlan, PortId port, const VlanCounters& counters) {
    auto& row = rows_[vlan.value];
    if (port.value >= row.size()) return;
    row[port.value].received += counters.received;
    row[port.value].sent += counters.sent;
  }

  // Zeros of what is no member.
  [[nodiscard]] VlanCounters Find(VlanId vlan, PortId port) const {
    const auto& row = rows_[vlan.value];
    return port.value < row.size() ? row[port.value] : VlanCounters{};
  }

 private:
  std::vector<std::vector<VlanCounters>> rows_;  // by VLAN and port
};

}  // namespace tapswitch
