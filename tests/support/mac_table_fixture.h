// A small MAC table, and what tests of it name: times, ports, VLANs and stations.

#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "switch/forwarding/fdb/mac_table.h"
#include "tests/support/mac_stations.h"
#include "tests/support/recorded_events.h"

namespace tapswitch {

inline constexpr Tick kNow{1000};
inline constexpr Tick kLater{1001};
inline constexpr Ticks kAgeing{300};
inline constexpr PortId kPort1{1};
inline constexpr PortId kPort2{2};
inline constexpr PortId kPort3{3};
inline constexpr VlanId kVlan10{10};
inline constexpr VlanId kVlan20{20};

inline constexpr MacAddress kStation = Station(1);
inline constexpr MacAddress kOther = Station(2);

inline MacTable TableOf(uint32_t capacity) {
  return MacTable({.capacity = capacity, .ageing = kAgeing, .salt = 7});
}

// Sweeps one whole round and returns what has expired.
inline std::vector<MacEntry> SweepAll(MacTable& table, Tick now) {
  RecordedEvents log;
  table.set_journal(&log.journal());
  while (!table.Sweep(1, now)) continue;
  table.set_journal(nullptr);
  std::vector<MacEntry> expired;
  for (const FdbEvent& event : log.events()) {
    EXPECT_EQ(event.kind, FdbEvent::Kind::kAged);
    expired.push_back(event.entry);
  }
  return expired;
}

class MacTableTest : public ::testing::Test {
 protected:
  LearnResult Learn(MacAddress source, PortId port, Tick now = kNow, VlanId vlan = kNoVlan) {
    return table_.Learn(vlan, source, port, now);
  }
  void Set(MacAddress address, PortId port, MacEntryState state, bool sticky = false) {
    ASSERT_TRUE(table_.Set(
        {.vlan = kNoVlan, .address = address, .port = port, .state = state, .sticky = sticky},
        kNow));
  }

  MacTable table_ = TableOf(16);
};

}  // namespace tapswitch
