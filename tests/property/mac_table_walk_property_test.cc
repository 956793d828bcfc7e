// Walks over a table that changes between their pieces: what stays is visited exactly once.

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <random>

#include "switch/forwarding/fdb/mac_table.h"
#include "tests/support/mac_stations.h"

namespace tapswitch::mac_table_walk_property_test {
namespace {

constexpr uint64_t kStaying = 40;   // stations 0 .. 39
constexpr uint64_t kChanging = 80;  // stations 1000 .. 1079
constexpr uint32_t kCapacity = 85;  // of 128 slots: as crowded as it gets
constexpr Ticks kAgeing{1000};
constexpr PortId kPort{1};

class CrowdedTable {
 public:
  explicit CrowdedTable(uint64_t seed)
      : random_(seed), table_({.capacity = kCapacity, .ageing = kAgeing, .salt = seed}) {
    Change(100);
    for (uint64_t i = 0; i < kStaying; ++i) Set(i);
    Change(100);
  }

  // How often each station was visited, by number, in a walk with changes between its pieces.
  std::map<uint64_t, int> Walk() {
    std::map<uint64_t, int> visits;
    auto cursor = table_.BeginWalk();
    while (!table_.Walk(cursor, 1 + Below(20), now_, [&](const MacEntry& entry) {
      ++visits[entry.address.number() - Station(0).number()];
    })) {
      Change(Below(40));
    }
    return visits;
  }

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }

  void Set(uint64_t station) {
    EXPECT_TRUE(table_.Set({.vlan = kNoVlan,
                            .address = Station(station),
                            .port = kPort,
                            .state = MacEntryState::kStatic},
                           now_));
  }

  void Change(uint64_t times) {
    for (; times > 0; --times) {
      const uint64_t station = 1000 + Below(kChanging);
      switch (Below(8)) {
        case 0:
        case 1:
        case 2:
          table_.Erase(kNoVlan, Station(station));
          break;
        case 3:
          now_ = now_ + Ticks{Below(100)};
          table_.Sweep(Below(200), now_);
          break;
        default:
          table_.Learn(kNoVlan, Station(station), PortId{static_cast<uint16_t>(Below(3))}, now_);
      }
    }
  }

  std::mt19937_64 random_;
  Tick now_{1};
  MacTable table_;
};

TEST(MacTableWalkPropertyTest, WhatStaysIsVisitedExactlyOnceWhateverElseChanges) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    CrowdedTable table(seed);
    for (int walk = 0; walk < 5; ++walk) {
      const auto visits = table.Walk();
      for (uint64_t i = 0; i < kStaying; ++i) {
        ASSERT_TRUE(visits.contains(i)) << "station " << i << " was not visited";
        EXPECT_EQ(visits.at(i), 1) << "station " << i;
      }
    }
  }
}

// Nothing but visits tells an empty table from a walk that does nothing.
TEST(MacTableWalkPropertyTest, InAQuietTableEveryEntryIsVisitedOnceHoweverSmallThePieces) {
  for (const size_t piece : {1U, 2U, 7U, 1000U}) {
    for (uint64_t salt = 0; salt < 50; ++salt) {
      SCOPED_TRACE(testing::Message() << "pieces of " << piece << ", salt " << salt);
      MacTable table({.capacity = 21, .ageing = kAgeing, .salt = salt});
      LearnRange(table, 1, 21, kPort, Tick{1});
      std::map<MacAddress, int> visits;
      auto cursor = table.BeginWalk();
      const auto visit = [&](const MacEntry& entry) { ++visits[entry.address]; };
      while (!table.Walk(cursor, piece, Tick{1}, visit)) continue;
      EXPECT_EQ(visits.size(), 21U);
      for (const auto& [address, count] : visits) EXPECT_EQ(count, 1) << address.ToString();
      EXPECT_TRUE(table.Walk(cursor, piece, Tick{1}, visit)) << "it is over";
    }
  }
}

}  // namespace
}  // namespace tapswitch::mac_table_walk_property_test
