// What MacTable does when it is full, and what it never does: allocate, or depend on chance.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "switch/forwarding/fdb/mac_table.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/mac_stations.h"

namespace tapswitch::mac_table_eviction_test {
namespace {

constexpr Tick kNow{1000};
constexpr Ticks kAgeing{300};
constexpr PortId kPort1{1};
constexpr PortId kPort2{2};
constexpr PortId kPort3{3};
constexpr VlanId kVlan10{10};
constexpr MacAddress kStation = Station(1);
constexpr MacAddress kOther = Station(2);

MacTable TableOf(uint32_t capacity) {
  return MacTable({.capacity = capacity, .ageing = kAgeing, .salt = 7});
}

TEST(MacTableCapacityTest, IsNeverExceeded) {
  for (const uint32_t capacity : {1U, 2U, 3U, 10U, 64U}) {
    SCOPED_TRACE(testing::Message() << "capacity " << capacity);
    MacTable table = TableOf(capacity);
    EXPECT_GT(table.slots(), capacity);
    for (uint64_t i = 1; i <= 10 * capacity; ++i) {
      EXPECT_EQ(table.Learn(kNoVlan, Station(i), kPort1, kNow), LearnResult::kLearned);
      EXPECT_LE(table.size(), capacity);
    }
    EXPECT_EQ(table.size(), capacity);
    EXPECT_EQ(EntriesOf(table, kNow).size(), capacity);
    EXPECT_EQ(table.evictions(), 9 * capacity);
  }
}

TEST(MacTableEvictionTest, OldestOfThePortWithMostMakesRoom) {
  MacTable table = TableOf(5);
  LearnRange(table, 1, 2, kPort1, Tick{1});  // the oldest of all, but of a port with few
  LearnRange(table, 3, 5, kPort2, Tick{2});
  table.Learn(kNoVlan, Station(6), kPort3, Tick{3});
  EXPECT_EQ(PortOf(table, Station(3), Tick{3}), std::nullopt);
  for (const uint64_t i : {1U, 2U, 4U, 5U, 6U}) {
    EXPECT_TRUE(PortOf(table, Station(i), Tick{3}).has_value()) << i;
  }
  EXPECT_EQ(table.evictions(), 1U);
}

TEST(MacTableEvictionTest, FloodBehindOnePortDisplacesItsOwn) {
  MacTable table = TableOf(100);
  LearnRange(table, 1, 20, kPort1, Tick{1});
  LearnRange(table, 21, 40, kPort2, Tick{1});
  LearnRange(table, 1000, 11000, kPort3, Tick{2});
  EXPECT_EQ(table.learned(kPort1), 20U);
  EXPECT_EQ(table.learned(kPort2), 20U);
  EXPECT_EQ(table.learned(kPort3), 60U);
  for (uint64_t i = 1; i <= 40; ++i) EXPECT_TRUE(PortOf(table, Station(i), Tick{2}).has_value());
}

TEST(MacTableEvictionTest, OfEqualPortsTheLearningOneGivesWay) {
  MacTable table = TableOf(4);
  LearnRange(table, 1, 2, kPort1, kNow);
  LearnRange(table, 3, 4, kPort2, kNow);
  table.Learn(kNoVlan, Station(5), kPort2, kNow);
  EXPECT_EQ(table.learned(kPort1), 2U);
  EXPECT_EQ(table.learned(kPort2), 2U);
  EXPECT_EQ(PortOf(table, Station(3), kNow), std::nullopt);
}

TEST(MacTableEvictionTest, OfOtherEqualPortsTheLowestGivesWay) {
  MacTable table = TableOf(4);
  LearnRange(table, 3, 4, kPort2, kNow);
  LearnRange(table, 1, 2, kPort1, kNow);
  table.Learn(kNoVlan, Station(5), kPort3, kNow);
  EXPECT_EQ(table.learned(kPort1), 1U);
  EXPECT_EQ(table.learned(kPort2), 2U);
}

TEST(MacTableEvictionTest, StationSeenAgainIsNotTheOldest) {
  MacTable table = TableOf(3);
  LearnRange(table, 1, 3, kPort1, Tick{1});
  table.Learn(kNoVlan, Station(1), kPort1, Tick{2});
  table.Learn(kNoVlan, Station(4), kPort1, Tick{2});
  EXPECT_EQ(PortOf(table, Station(1), Tick{2}), kPort1);
  EXPECT_EQ(PortOf(table, Station(2), Tick{2}), std::nullopt);
}

TEST(MacTableEvictionTest, WithinATickTheFirstSightCounts) {
  MacTable table = TableOf(3);
  LearnRange(table, 1, 3, kPort1, Tick{1});
  table.Learn(kNoVlan, Station(1), kPort1, Tick{1});
  table.Learn(kNoVlan, Station(4), kPort1, Tick{1});
  EXPECT_EQ(PortOf(table, Station(1), Tick{1}), std::nullopt);
}

TEST(MacTableEvictionTest, StickyLearnedEntryIsEvictedAsAnyOther) {
  MacTable table = TableOf(1);
  ASSERT_TRUE(
      table.Set({.vlan = kNoVlan, .address = kStation, .port = kPort1, .sticky = true}, kNow));
  EXPECT_EQ(table.Learn(kNoVlan, kOther, kPort2, kNow), LearnResult::kLearned);
  EXPECT_EQ(PortOf(table, kStation, kNow), std::nullopt);
}

TEST(MacTableEvictionTest, EntriesSetByHandAreNeverEvicted) {
  MacTable table = TableOf(3);
  const auto set_static = [&](uint64_t number) {
    return table.Set({.vlan = kNoVlan,
                      .address = Station(number),
                      .port = kPort1,
                      .state = MacEntryState::kStatic},
                     kNow);
  };
  EXPECT_TRUE(set_static(1));
  EXPECT_TRUE(set_static(2));
  LearnRange(table, 10, 20, kPort2, kNow);
  EXPECT_EQ(table.learned(kPort2), 1U);
  EXPECT_TRUE(set_static(3));  // evicts the learned one
  EXPECT_EQ(table.learned(kPort2), 0U);

  EXPECT_FALSE(set_static(4));
  EXPECT_EQ(table.Learn(kNoVlan, Station(10), kPort2, kNow), LearnResult::kRefused);
  EXPECT_TRUE(set_static(1));  // is there: needs no room
  for (uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(PortOf(table, Station(i), kNow), kPort1);
}

TEST(MacTableEvictionTest, ExpiredEntryOfAnyPortGoesBeforeALiveOne) {
  MacTable table = TableOf(4);
  table.Learn(kNoVlan, Station(1), kPort1, kNow);
  const Tick expired = kNow + kAgeing;
  LearnRange(table, 2, 4, kPort2, expired);
  table.Learn(kNoVlan, Station(5), kPort2, expired);
  EXPECT_EQ(table.evictions(), 0U);
  EXPECT_EQ(table.learned(kPort1), 0U);
  for (uint64_t i = 2; i <= 5; ++i) EXPECT_EQ(PortOf(table, Station(i), expired), kPort2);
}

// Having looked for expired entries in vain must not hide those that expire later.
TEST(MacTableEvictionTest, ExpiredEntriesAreFoundHoweverOftenNoneWere) {
  MacTable table = TableOf(4);
  LearnRange(table, 1, 2, kPort1, Tick{1});
  LearnRange(table, 11, 12, kPort2, Tick{100});
  for (uint64_t tick = 101; tick <= 300; ++tick) {  // the ageing time is 300
    table.Learn(kNoVlan, Station(tick), kPort2, Tick{tick});
  }
  EXPECT_EQ(table.learned(kPort1), 2U);
  const uint64_t evictions = table.evictions();
  LearnRange(table, 1001, 1002, kPort2, Tick{301});
  EXPECT_EQ(table.learned(kPort1), 0U);
  EXPECT_EQ(table.evictions(), evictions);
  table.set_ageing(Ticks{1});
  LearnRange(table, 1003, 1006, kPort2, Tick{302});
  EXPECT_EQ(table.evictions(), evictions);
}

TEST(MacTableEvictionTest, FlushedEntriesGoBeforeALiveOne) {
  MacTable table = TableOf(8);
  for (uint64_t round = 0; round < 4; ++round) {
    LearnRange(table, 100 * round + 1, 100 * round + 8, kPort1, kNow);
    EXPECT_EQ(table.learned(kPort1), 8U);
    table.FlushPort(kPort1);
    LearnRange(table, 100 * round + 11, 100 * round + 18, kPort2, kNow);
    EXPECT_EQ(table.learned(kPort2), 8U);
    table.FlushAll();
  }
  EXPECT_EQ(table.evictions(), 0U);
}

TEST(MacTableEvictionTest, FlushedTableHasRoomForEntriesSetByHand) {
  MacTable table = TableOf(4);
  LearnRange(table, 1, 4, kPort1, kNow);
  table.FlushAll();
  for (uint64_t i = 11; i <= 14; ++i) {
    EXPECT_TRUE(table.Set(
        {.vlan = kNoVlan, .address = Station(i), .port = kPort1, .state = MacEntryState::kStatic},
        kNow));
  }
  EXPECT_EQ(table.size(), 4U);
}

TEST(MacTableEvictionTest, ReclaimingAnEntryOfAFlushedVlanIsNoEviction) {
  MacTable table = TableOf(2);
  table.Learn(kVlan10, Station(1), kPort1, kNow);
  table.Learn(kVlan10, Station(2), kPort1, kNow);
  table.FlushVlan(kVlan10);
  LearnRange(table, 3, 4, kPort1, kNow);
  EXPECT_EQ(table.evictions(), 0U);
  EXPECT_EQ(table.learned(kPort1), 2U);
}

// The hash, and the memory

std::vector<MacEntry> LayoutWithSalt(uint64_t salt) {
  MacTable table({.capacity = 64, .ageing = kAgeing, .salt = salt});
  LearnRange(table, 1, 64, kPort1, kNow);
  return EntriesOf(table, kNow);
}

TEST(MacTableSaltTest, SameSaltGivesTheSameTable) {
  EXPECT_EQ(LayoutWithSalt(1), LayoutWithSalt(1));
}

TEST(MacTableSaltTest, OtherSaltGivesAnotherLayout) {
  EXPECT_NE(LayoutWithSalt(1), LayoutWithSalt(2));
  EXPECT_NE(LayoutWithSalt(1), LayoutWithSalt(1 + (uint64_t{1} << 63U)));
}

TEST(MacTableMemoryTest, NothingIsAllocatedAfterConstruction) {
  MacTable table = TableOf(1000);
  const size_t before = AllocationCount();
  for (uint16_t port = 0; port < 8; ++port) {
    LearnRange(table, 1000 * port, 1000 * port + 999, PortId{port}, Tick{1U + port});
    table.Prefetch(kNoVlan, Station(port));
  }
  EXPECT_TRUE(table.Set(
      {.vlan = kNoVlan, .address = kStation, .port = kPort2, .state = MacEntryState::kStatic},
      kNow));
  table.FlushPort(kPort1);
  table.FlushVlan(kVlan10);
  table.Sweep(table.slots(), kNow);
  table.FlushAll();
  LearnRange(table, 1, 5000, kPort1, kNow);
  EXPECT_TRUE(table.ErasePort(kPort1, 10));
  EXPECT_EQ(AllocationCount(), before);
}

}  // namespace
}  // namespace tapswitch::mac_table_eviction_test
