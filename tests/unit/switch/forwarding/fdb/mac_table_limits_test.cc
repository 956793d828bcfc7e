// What an entry counts for in limits, and what a limit stops.

#include <gtest/gtest.h>

#include <cstdint>

#include "switch/forwarding/fdb/mac_table.h"
#include "tests/support/mac_stations.h"

namespace tapswitch::mac_table_limits_test {
namespace {

constexpr Tick kNow{1000};
constexpr Ticks kAgeing{300};
constexpr Tick kExpired = kNow + kAgeing;
constexpr PortId kPort1{1};
constexpr PortId kPort2{2};
constexpr PortId kPort3{3};
constexpr VlanId kVlan10{10};

class MacTableLimitsTest : public ::testing::Test {
 protected:
  LearnResult Learn(uint64_t station, PortId port, Tick now = kNow) {
    const LearnResult expected = table_.WouldLearn(kNoVlan, Station(station), port, now);
    const LearnResult result = table_.Learn(kNoVlan, Station(station), port, now);
    EXPECT_EQ(result, expected) << "WouldLearn says what Learn then does";
    return result;
  }
  void SetByUser(uint64_t station, PortId port) {
    ASSERT_TRUE(table_.Set(
        {.vlan = kNoVlan, .address = Station(station), .port = port, .by_user = true}, kNow));
  }
  void SetExtern(uint64_t station, PortId port) {
    ASSERT_TRUE(table_.Set(
        {.vlan = kNoVlan, .address = Station(station), .port = port, .extern_learn = true}, kNow));
  }

  MacTable table_{{.capacity = 16, .ageing = kAgeing, .salt = 7}};
};

// The bridge's limit

TEST_F(MacTableLimitsTest, AtTheBridgesLimitNewStationsAreNotLearned) {
  table_.set_max_learned(2);
  LearnRange(table_, 1, 2, kPort1, kNow);
  EXPECT_EQ(Learn(3, kPort2), LearnResult::kLimited);
  EXPECT_EQ(PortOf(table_, Station(3), kNow), std::nullopt);
  EXPECT_EQ(table_.size(), 2U);
  EXPECT_EQ(Learn(1, kPort1), LearnResult::kRefreshed);
  EXPECT_EQ(Learn(1, kPort2), LearnResult::kMoved) << "no more of them than before";
}

TEST_F(MacTableLimitsTest, LimitZeroIsNone) {
  table_.set_max_learned(1);
  EXPECT_EQ(Learn(1, kPort1), LearnResult::kLearned);
  EXPECT_EQ(Learn(2, kPort1), LearnResult::kLimited);
  table_.set_max_learned(0);
  EXPECT_EQ(Learn(2, kPort1), LearnResult::kLearned);
}

TEST_F(MacTableLimitsTest, LoweringALimitEvictsNothing) {
  LearnRange(table_, 1, 5, kPort1, kNow);
  table_.set_max_learned(2);
  table_.set_max_learned(kPort1, 1);
  EXPECT_EQ(table_.learned(), 5U);
  EXPECT_EQ(Learn(1, kPort1, Tick{1001}), LearnResult::kRefreshed);
  EXPECT_EQ(Learn(1, kPort2, Tick{1001}), LearnResult::kMoved);
  EXPECT_EQ(Learn(6, kPort2), LearnResult::kLimited);
  EXPECT_EQ(Learn(1, kPort1, Tick{1001}), LearnResult::kLimited) << "port 1 has too many already";
}

TEST_F(MacTableLimitsTest, AnExpiredEntryOfAnyPortMakesRoomUnderTheBridgesLimit) {
  table_.set_max_learned(2);
  Learn(1, kPort1, kNow);
  Learn(2, kPort2, Tick{1001});
  EXPECT_EQ(Learn(3, kPort2, kExpired), LearnResult::kLearned);
  EXPECT_EQ(table_.learned(kPort1), 0U);
  EXPECT_EQ(Learn(4, kPort2, kExpired), LearnResult::kLimited);
}

TEST_F(MacTableLimitsTest, AFlushOfAPortMakesRoomUnderTheLimits) {
  table_.set_max_learned(2);
  table_.set_max_learned(kPort1, 2);
  LearnRange(table_, 1, 2, kPort1, kNow);
  EXPECT_EQ(Learn(3, kPort1), LearnResult::kLimited);
  table_.FlushPort(kPort1);
  EXPECT_EQ(Learn(3, kPort1), LearnResult::kLearned);
  EXPECT_EQ(Learn(1, kPort1), LearnResult::kLearned);
  EXPECT_EQ(Learn(2, kPort1), LearnResult::kLimited);
}

TEST_F(MacTableLimitsTest, EntriesOfAFlushedVlanMakeRoomOnceSwept) {
  table_.set_max_learned(1);
  ASSERT_EQ(table_.Learn(kVlan10, Station(1), kPort1, kNow), LearnResult::kLearned);
  table_.FlushVlan(kVlan10);
  EXPECT_EQ(Learn(2, kPort1), LearnResult::kLimited);
  table_.Sweep(table_.slots(), kNow);
  EXPECT_EQ(Learn(2, kPort1), LearnResult::kLearned);
}

// The same station in the flushed VLAN takes its own place.
TEST_F(MacTableLimitsTest, AForgottenStationTakesItsOwnPlaceAtALimit) {
  table_.set_max_learned(1);
  table_.set_max_learned(kPort1, 1);
  Learn(1, kPort1);
  table_.FlushVlan(kNoVlan);
  EXPECT_EQ(Learn(1, kPort1), LearnResult::kLearned);
  EXPECT_EQ(Learn(1, kPort1, kExpired), LearnResult::kLearned);
}

// A port's limit

TEST_F(MacTableLimitsTest, APortsLimitStopsNewStationsAndMovesToIt) {
  table_.set_max_learned(kPort1, 1);
  EXPECT_EQ(Learn(1, kPort1), LearnResult::kLearned);
  EXPECT_EQ(Learn(2, kPort1), LearnResult::kLimited);
  EXPECT_EQ(Learn(2, kPort2), LearnResult::kLearned);
  EXPECT_EQ(Learn(2, kPort1), LearnResult::kLimited);
  EXPECT_EQ(PortOf(table_, Station(2), kNow), kPort2) << "left where it was";
  EXPECT_EQ(Learn(1, kPort3), LearnResult::kMoved);
  EXPECT_EQ(Learn(2, kPort1), LearnResult::kMoved);
}

TEST_F(MacTableLimitsTest, OnlyAnExpiredEntryOfThatPortMakesRoomUnderItsLimit) {
  table_.set_max_learned(kPort1, 1);
  Learn(1, kPort1, Tick{1001});
  Learn(2, kPort2, kNow);
  EXPECT_EQ(Learn(3, kPort1, kExpired), LearnResult::kLimited);
  EXPECT_EQ(Learn(3, kPort1, Tick{1301}), LearnResult::kLearned);
  EXPECT_EQ(table_.learned(kPort1), 1U);
}

// Who counts

TEST_F(MacTableLimitsTest, EntriesSetByHandAreNotCountedAndNotLimited) {
  table_.set_max_learned(1);
  table_.set_max_learned(kPort1, 1);
  SetByUser(1, kPort1);
  SetExtern(2, kPort1);
  EXPECT_EQ(table_.learned(), 0U);
  EXPECT_EQ(table_.learned(kPort1), 0U);
  EXPECT_EQ(Learn(3, kPort1), LearnResult::kLearned);
  SetByUser(4, kPort1);
  EXPECT_EQ(table_.learned(), 1U);
  EXPECT_EQ(Learn(4, kPort2), LearnResult::kMoved) << "still set by hand, so not counted";
  EXPECT_TRUE(table_.Find(kNoVlan, Station(4), kNow)->by_user);
  EXPECT_EQ(table_.learned(), 1U);
}

TEST_F(MacTableLimitsTest, AnEntrySetByUserAgesAndGoesWithAFlush) {
  SetByUser(1, kPort1);
  SetByUser(2, kPort2);
  EXPECT_TRUE(table_.has_mortal());
  EXPECT_EQ(PortOf(table_, Station(1), kExpired), std::nullopt);
  table_.FlushPort(kPort2);
  EXPECT_EQ(PortOf(table_, Station(2), kNow), std::nullopt);
  EXPECT_EQ(Learn(1, kPort1, kExpired), LearnResult::kLearned);
  EXPECT_FALSE(table_.Find(kNoVlan, Station(1), kExpired)->by_user) << "learned anew";
  EXPECT_EQ(table_.learned(), 1U);
}

TEST_F(MacTableLimitsTest, AnExternallyLearnedEntryStaysUntilItIsSeenElsewhere) {
  SetExtern(1, kPort1);
  EXPECT_FALSE(table_.has_mortal());
  table_.FlushPort(kPort1);
  table_.FlushVlan(kNoVlan);
  table_.FlushAll();
  table_.Sweep(table_.slots(), Tick{100000});
  EXPECT_EQ(PortOf(table_, Station(1), Tick{100000}), kPort1);
  LearnRange(table_, 100, 200, kPort2, Tick{100000});
  EXPECT_EQ(PortOf(table_, Station(1), Tick{100000}), kPort1) << "not evicted";

  EXPECT_EQ(Learn(1, kPort3, Tick{100000}), LearnResult::kMoved);
  EXPECT_FALSE(table_.Find(kNoVlan, Station(1), Tick{100000})->extern_learn);
  EXPECT_EQ(table_.learned(kPort3), 1U);
}

TEST_F(MacTableLimitsTest, AnExternallyLearnedEntryDoesNotMoveAtTheBridgesLimit) {
  table_.set_max_learned(1);
  SetExtern(1, kPort1);
  Learn(2, kPort2);
  EXPECT_EQ(Learn(1, kPort2), LearnResult::kLimited);
  EXPECT_TRUE(table_.Find(kNoVlan, Station(1), kNow)->extern_learn);
  EXPECT_EQ(PortOf(table_, Station(1), kNow), kPort1);
}

TEST_F(MacTableLimitsTest, WouldLearnChangesNothing) {
  table_.set_max_learned(1);
  Learn(1, kPort1);
  EXPECT_EQ(table_.WouldLearn(kNoVlan, Station(2), kPort1, kExpired), LearnResult::kLearned);
  EXPECT_EQ(table_.WouldLearn(kNoVlan, Station(1), kPort2, kNow), LearnResult::kMoved);
  EXPECT_EQ(table_.learned(kPort1), 1U);
  EXPECT_EQ(PortOf(table_, Station(1), kNow), kPort1);
}

}  // namespace
}  // namespace tapswitch::mac_table_limits_test
