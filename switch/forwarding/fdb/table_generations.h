// Numbers that tell whether the MAC table has changed since somebody looked at it.

#pragma once

#include <cstdint>
#include <vector>

#include "switch/forwarding/fdb/mac_entry.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

// The generations of a table, of its ports and of its VLANs: see MacTable. A change costs a few
// increments, however many entries it concerns; a sum of two counters that only grow makes that so.
class TableGenerations {
 public:
  TableGenerations() : ports_(kMaxPorts + 1), vlans_(kVlanCount) {}

  [[nodiscard]] uint64_t of_table() const { return table_; }
  [[nodiscard]] uint64_t of(PortId port) const { return ports_[port.value] + all_ports_; }
  [[nodiscard]] uint64_t of(VlanId vlan) const { return vlans_[vlan.value] + all_vlans_; }

  // A change of one entry concerns its VLAN, which may be kAnyVlan, and the table.
  void CountInVlan(VlanId vlan) {
    ++table_;
    ++(vlan == kAnyVlan ? all_vlans_ : vlans_[vlan.value]);
  }
  // It concerns each port that the entry is or was on, too.
  void CountOnPort(PortId port) { ++ports_[port.value]; }

  void CountInAllVlans() {
    ++table_;
    ++all_vlans_;
  }
  void CountOnAllPorts() { ++all_ports_; }

 private:
  uint64_t table_ = 0;
  uint64_t all_ports_ = 0;
  uint64_t all_vlans_ = 0;
  std::vector<uint64_t> ports_;  // kBridgePort, too
  std::vector<uint64_t> vlans_;
};

}  // namespace tapswitch
