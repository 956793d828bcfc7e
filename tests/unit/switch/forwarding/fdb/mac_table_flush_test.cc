// What the MAC table forgets when a port, a VLAN or all of it is flushed, and when a port is
// erased.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

#include "switch/forwarding/fdb/mac_table.h"
#include "tests/support/mac_stations.h"
#include "tests/support/mac_table_fixture.h"

namespace tapswitch::mac_table_flush_test {
namespace {

using ::testing::IsEmpty;

using MacTableFlushTest = MacTableTest;

TEST_F(MacTableFlushTest, FlushPortForgetsWhatWasLearnedThere) {
  Learn(Station(1), kPort1, kNow, kVlan10);
  Learn(Station(2), kPort1, kNow, kVlan20);
  Learn(Station(3), kPort2, kNow, kVlan10);
  table_.FlushPort(kPort1);
  EXPECT_EQ(table_.Lookup(kVlan10, Station(1), kNow), std::nullopt);
  EXPECT_EQ(table_.Lookup(kVlan20, Station(2), kNow), std::nullopt);
  EXPECT_EQ(table_.Lookup(kVlan10, Station(3), kNow)->port, kPort2);
  EXPECT_EQ(EntriesOf(table_, kNow).size(), 1U);
}

TEST_F(MacTableFlushTest, FlushVlanForgetsWhatWasLearnedThere) {
  Learn(Station(1), kPort1, kNow, kVlan10);
  Learn(Station(2), kPort2, kNow, kVlan10);
  Learn(Station(1), kPort1, kNow, kVlan20);
  table_.FlushVlan(kVlan10);
  EXPECT_EQ(table_.Lookup(kVlan10, Station(1), kNow), std::nullopt);
  EXPECT_EQ(table_.Lookup(kVlan10, Station(2), kNow), std::nullopt);
  EXPECT_EQ(table_.Lookup(kVlan20, Station(1), kNow)->port, kPort1);
  EXPECT_EQ(EntriesOf(table_, kNow).size(), 1U);
}

TEST_F(MacTableFlushTest, FlushAllForgetsWhatWasLearned) {
  for (uint16_t i = 0; i < 8; ++i) Learn(Station(i + 1U), PortId{i}, kNow, VlanId{i});
  table_.FlushAll();
  EXPECT_THAT(EntriesOf(table_, kNow), IsEmpty());
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(MacTableFlushTest, EntriesSetByHandSurviveFlushes) {
  Set(Station(1), kPort1, MacEntryState::kStatic);
  Set(Station(2), kPort1, MacEntryState::kPermanent);
  Learn(Station(3), kPort1);
  table_.FlushPort(kPort1);
  table_.FlushVlan(kNoVlan);
  table_.FlushAll();
  EXPECT_EQ(PortOf(table_, Station(1), kNow), kPort1);
  EXPECT_EQ(PortOf(table_, Station(2), kNow), kPort1);
  EXPECT_EQ(table_.size(), 2U);
  EXPECT_EQ(table_.learned(), 0U);
}

TEST_F(MacTableFlushTest, CountsAreExactAtOnceAfterAFlushOfAPortOrOfAll) {
  LearnRange(table_, 1, 5, kPort1, kNow);
  LearnRange(table_, 6, 8, kPort2, kNow);
  table_.FlushPort(kPort1);
  EXPECT_EQ(table_.learned(kPort1), 0U);
  EXPECT_EQ(table_.learned(kPort2), 3U);
  EXPECT_EQ(table_.size(), 3U);
  table_.FlushAll();
  EXPECT_EQ(table_.learned(kPort2), 0U);
  EXPECT_EQ(table_.learned(), 0U);
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(MacTableFlushTest, EntriesOfAFlushedVlanCountUntilReclaimed) {
  Learn(kStation, kPort1, kNow, kVlan10);
  table_.FlushVlan(kVlan10);
  EXPECT_EQ(table_.learned(kPort1), 1U);
  SweepAll(table_, kNow);
  EXPECT_EQ(table_.learned(kPort1), 0U);
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(MacTableFlushTest, FlushedStationIsLearnedAnew) {
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(Learn(kStation, kPort1), LearnResult::kLearned);
    table_.FlushPort(kPort1);
    EXPECT_EQ(Learn(kStation, kPort1), LearnResult::kLearned);
    table_.FlushVlan(kNoVlan);
    EXPECT_EQ(Learn(kStation, kPort2), LearnResult::kLearned);
    table_.FlushAll();
  }
  Learn(kStation, kPort1);
  EXPECT_EQ(PortOf(table_, kStation, kNow), kPort1);
  EXPECT_EQ(table_.size(), 1U);
}

TEST_F(MacTableFlushTest, FlushForgetsNothingLearnedAfterIt) {
  table_.FlushPort(kPort1);
  table_.FlushVlan(kNoVlan);
  Learn(Station(1), kPort1);
  EXPECT_EQ(PortOf(table_, Station(1), kNow), kPort1);
  // Learned before the flush of port 1, but elsewhere; moves there after it.
  Learn(Station(2), kPort2);
  table_.FlushPort(kPort1);
  EXPECT_EQ(Learn(Station(2), kPort1), LearnResult::kMoved);
  EXPECT_EQ(PortOf(table_, Station(2), kNow), kPort1);
}

TEST_F(MacTableFlushTest, FlushOfAStationsFormerPortLeavesIt) {
  Learn(kStation, kPort1);
  Learn(kStation, kPort2);
  table_.FlushPort(kPort1);
  EXPECT_EQ(PortOf(table_, kStation, kNow), kPort2);
}

TEST_F(MacTableFlushTest, FlushedEntryIsNotThereToErase) {
  Learn(kStation, kPort1);
  table_.FlushPort(kPort1);
  EXPECT_FALSE(table_.Erase(kNoVlan, kStation));
}

TEST_F(MacTableFlushTest, SetTakesTheSlotOfAFlushedEntry) {
  Learn(Station(1), kPort1);
  Learn(Station(2), kPort1, kNow, kVlan10);
  table_.FlushPort(kPort1);
  table_.FlushVlan(kVlan10);
  Set(Station(1), kPort2, MacEntryState::kStatic);
  EXPECT_EQ(PortOf(table_, Station(1), kNow), kPort2);
  EXPECT_EQ(table_.size(), 1U);
}

TEST_F(MacTableFlushTest, ErasePortRemovesWhatWasSetByHandToo) {
  Set(Station(1), kPort1, MacEntryState::kStatic);
  Set(Station(2), kPort1, MacEntryState::kPermanent);
  Learn(Station(3), kPort1);
  Set(Station(4), kPort2, MacEntryState::kStatic);
  Learn(Station(5), kPort2);
  EXPECT_TRUE(table_.ErasePort(kPort1, 100));
  for (uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(PortOf(table_, Station(i), kNow), std::nullopt);
  EXPECT_EQ(PortOf(table_, Station(4), kNow), kPort2);
  EXPECT_EQ(PortOf(table_, Station(5), kNow), kPort2);
  EXPECT_EQ(table_.size(), 2U);
}

TEST(MacTableErasePortTest, MissesNoneInAnyLayout) {
  for (uint64_t salt = 0; salt < 100; ++salt) {
    SCOPED_TRACE(testing::Message() << "salt " << salt);
    MacTable table({.capacity = 21, .ageing = kAgeing, .salt = salt});  // 32 slots, 21 in use
    for (uint64_t i = 0; i < 21; ++i) {
      ASSERT_TRUE(table.Set({.vlan = kNoVlan,
                             .address = Station(i),
                             .port = i % 3 == 0 ? kPort2 : kPort1,
                             .state = MacEntryState::kStatic},
                            kNow));
    }
    while (!table.ErasePort(kPort1, 3)) continue;
    EXPECT_EQ(table.size(), 7U);
    for (uint64_t i = 0; i < 21; ++i) {
      EXPECT_EQ(PortOf(table, Station(i), kNow), i % 3 == 0 ? std::optional(kPort2) : std::nullopt);
    }
  }
}

}  // namespace
}  // namespace tapswitch::mac_table_flush_test
