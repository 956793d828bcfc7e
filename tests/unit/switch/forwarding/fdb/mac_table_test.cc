#include "switch/forwarding/fdb/mac_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "tests/support/mac_stations.h"
#include "tests/support/mac_table_fixture.h"

namespace tapswitch::mac_table_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Learning

TEST_F(MacTableTest, StationIsBehindThePortItWasSeenOn) {
  EXPECT_EQ(table_.Lookup(kNoVlan, kStation, kNow), std::nullopt);
  EXPECT_EQ(Learn(kStation, kPort1), LearnResult::kLearned);
  EXPECT_EQ(table_.Lookup(kNoVlan, kStation, kNow), (MacLookup{.port = kPort1, .is_local = false}));
  EXPECT_EQ(table_.Lookup(kNoVlan, kOther, kNow), std::nullopt);
}

TEST_F(MacTableTest, VlansLearnIndependently) {
  Learn(kStation, kPort1, kNow, kVlan10);
  Learn(kStation, kPort2, kNow, kVlan20);
  EXPECT_EQ(table_.Lookup(kVlan10, kStation, kNow)->port, kPort1);
  EXPECT_EQ(table_.Lookup(kVlan20, kStation, kNow)->port, kPort2);
  EXPECT_EQ(table_.Lookup(kNoVlan, kStation, kNow), std::nullopt);
  EXPECT_EQ(table_.size(), 2U);
}

TEST_F(MacTableTest, OutermostKeysAndPortsAreOrdinary) {
  constexpr VlanId kLastVlan{4095};
  constexpr PortId kLastPort{kMaxPorts - 1};
  EXPECT_EQ(Learn(MacAddress::FromNumber(0xFEFFFFFFFFFF), kLastPort, kNow, kLastVlan),
            LearnResult::kLearned);
  EXPECT_EQ(Learn(MacAddress::FromNumber(1), PortId{0}), LearnResult::kLearned);
  EXPECT_EQ(table_.Lookup(kLastVlan, MacAddress::FromNumber(0xFEFFFFFFFFFF), kNow)->port,
            kLastPort);
  EXPECT_EQ(table_.Lookup(kNoVlan, MacAddress::FromNumber(1), kNow)->port, PortId{0});
}

TEST_F(MacTableTest, SeeingAStationAgainRefreshesIt) {
  Learn(kStation, kPort1, kNow);
  EXPECT_EQ(Learn(kStation, kPort1, kNow), LearnResult::kRefreshed);
  EXPECT_EQ(Learn(kStation, kPort1, kLater), LearnResult::kRefreshed);
  EXPECT_EQ(table_.Find(kNoVlan, kStation, kLater)->last_seen, kLater);
  EXPECT_EQ(table_.size(), 1U);
}

TEST_F(MacTableTest, StationMovesToThePortItIsSeenOn) {
  Learn(kStation, kPort1);
  EXPECT_EQ(Learn(kStation, kPort2), LearnResult::kMoved);
  EXPECT_EQ(PortOf(table_, kStation, kNow), kPort2);
  EXPECT_EQ(table_.learned(kPort1), 0U);
  EXPECT_EQ(table_.learned(kPort2), 1U);
}

TEST_F(MacTableTest, FlappingStationIsWhereItWasSeenLast) {
  Learn(kStation, kPort1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Learn(kStation, kPort2), LearnResult::kMoved);
    EXPECT_EQ(PortOf(table_, kStation, kNow), kPort2);
    EXPECT_EQ(Learn(kStation, kPort1), LearnResult::kMoved);
    EXPECT_EQ(PortOf(table_, kStation, kNow), kPort1);
  }
  EXPECT_EQ(table_.size(), 1U);
  EXPECT_EQ(table_.evictions(), 0U);
}

TEST_F(MacTableTest, FindShowsTheWholeEntry) {
  Learn(kStation, kPort1, kNow, kVlan10);
  EXPECT_EQ(table_.Find(kVlan10, kStation, kLater), (MacEntry{.vlan = kVlan10,
                                                              .address = kStation,
                                                              .port = kPort1,
                                                              .state = MacEntryState::kLearned,
                                                              .sticky = false,
                                                              .last_seen = kNow}));
  EXPECT_EQ(table_.Find(kVlan20, kStation, kLater), std::nullopt);
}

// Expiry

TEST_F(MacTableTest, EntryIsGoneOnceNotSeenForTheAgeingTime) {
  Learn(kStation, kPort1, kNow);
  const Tick last{kNow.centiseconds + kAgeing.centiseconds - 1};
  EXPECT_EQ(PortOf(table_, kStation, last), kPort1);
  EXPECT_EQ(PortOf(table_, kStation, kNow + kAgeing), std::nullopt);
  EXPECT_EQ(table_.Find(kNoVlan, kStation, kNow + kAgeing), std::nullopt);
  EXPECT_THAT(EntriesOf(table_, kNow + kAgeing), IsEmpty());
}

TEST_F(MacTableTest, ExpiredStationIsLearnedAnewWhereverItIsSeen) {
  Learn(kStation, kPort1, kNow);
  Learn(kOther, kPort1, kNow);
  const Tick expired = kNow + kAgeing;
  EXPECT_EQ(Learn(kStation, kPort1, expired), LearnResult::kLearned);
  EXPECT_EQ(Learn(kOther, kPort2, expired), LearnResult::kLearned);
  EXPECT_EQ(PortOf(table_, kStation, expired), kPort1);
  EXPECT_EQ(PortOf(table_, kOther, expired), kPort2);
  EXPECT_EQ(table_.size(), 2U);
}

TEST_F(MacTableTest, ExpiredEntriesCountUntilReclaimed) {
  Learn(kStation, kPort1, kNow);
  const Tick expired = kNow + kAgeing;
  EXPECT_EQ(PortOf(table_, kStation, expired), std::nullopt);
  EXPECT_EQ(table_.learned(kPort1), 1U);
  SweepAll(table_, expired);
  EXPECT_EQ(table_.learned(kPort1), 0U);
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(MacTableTest, ChangedAgeingTimeHoldsForWhatWasLearnedBefore) {
  Learn(kStation, kPort1, kNow);
  table_.set_ageing(Ticks{1});
  EXPECT_EQ(PortOf(table_, kStation, kLater), std::nullopt);
  table_.set_ageing(Ticks{2});
  EXPECT_EQ(PortOf(table_, kStation, kLater), kPort1);
}

TEST_F(MacTableTest, AgeingTimeZeroForgetsWhatWasLearnedAndNeverLearns) {
  Learn(kStation, kPort1);
  table_.set_ageing(Ticks{0});
  EXPECT_EQ(PortOf(table_, kStation, kNow), std::nullopt);
  EXPECT_EQ(Learn(kStation, kPort1), LearnResult::kRefused);
  EXPECT_EQ(Learn(kStation, kPort2), LearnResult::kRefused);
  EXPECT_EQ(Learn(kOther, kPort1), LearnResult::kRefused);
  EXPECT_THAT(EntriesOf(table_, kNow), IsEmpty());
}

TEST_F(MacTableTest, AgeingTimeZeroLeavesEntriesSetByHand) {
  Set(kStation, kPort1, MacEntryState::kStatic);
  table_.set_ageing(Ticks{0});
  EXPECT_EQ(PortOf(table_, kStation, kNow), kPort1);
}

// Entries set by hand

TEST_F(MacTableTest, StaticEntryNeitherAgesNorMoves) {
  Set(kStation, kPort1, MacEntryState::kStatic);
  EXPECT_EQ(Learn(kStation, kPort2), LearnResult::kPinned);
  const Tick much_later{kNow.centiseconds + 1000 * kAgeing.centiseconds};
  EXPECT_EQ(table_.Lookup(kNoVlan, kStation, much_later),
            (MacLookup{.port = kPort1, .is_local = false}));
  EXPECT_THAT(SweepAll(table_, much_later), IsEmpty());
  EXPECT_EQ(PortOf(table_, kStation, much_later), kPort1);
}

TEST_F(MacTableTest, StaticEntryNotesWhenItWasSeenOnItsPort) {
  Set(kStation, kPort1, MacEntryState::kStatic);
  EXPECT_EQ(Learn(kStation, kPort2, Tick{2000}), LearnResult::kPinned);
  EXPECT_EQ(table_.Find(kNoVlan, kStation, Tick{3000})->last_seen, kNow);
  EXPECT_EQ(Learn(kStation, kPort1, Tick{2000}), LearnResult::kRefreshed);
  EXPECT_EQ(table_.Find(kNoVlan, kStation, Tick{3000})->last_seen, Tick{2000});
}

TEST_F(MacTableTest, PermanentEntryIsLocalAndIsNeverLearned) {
  Set(kStation, kPort1, MacEntryState::kPermanent);
  EXPECT_EQ(Learn(kStation, kPort1, kLater), LearnResult::kLocal);
  EXPECT_EQ(Learn(kStation, kPort2, kLater), LearnResult::kLocal);
  const Tick much_later{kNow.centiseconds + 1000 * kAgeing.centiseconds};
  EXPECT_EQ(table_.Lookup(kNoVlan, kStation, much_later),
            (MacLookup{.port = kPort1, .is_local = true}));
  EXPECT_EQ(table_.Find(kNoVlan, kStation, much_later)->last_seen, kNow);
}

TEST_F(MacTableTest, StickyEntryStaysOnItsPort) {
  Set(kStation, kPort1, MacEntryState::kLearned, /*sticky=*/true);
  EXPECT_EQ(Learn(kStation, kPort2, kLater), LearnResult::kPinned);
  EXPECT_EQ(PortOf(table_, kStation, kLater), kPort1);
  EXPECT_EQ(table_.Find(kNoVlan, kStation, kLater)->last_seen, kNow);
  EXPECT_EQ(Learn(kStation, kPort1, kLater), LearnResult::kRefreshed);
  EXPECT_TRUE(table_.Find(kNoVlan, kStation, kLater)->sticky);
}

TEST_F(MacTableTest, StickyLearnedEntryAgesAndIsThenLearnedAsAnyOther) {
  Set(kStation, kPort1, MacEntryState::kLearned, /*sticky=*/true);
  const Tick expired = kNow + kAgeing;
  EXPECT_EQ(PortOf(table_, kStation, expired), std::nullopt);
  EXPECT_EQ(Learn(kStation, kPort2, expired), LearnResult::kLearned);
  EXPECT_FALSE(table_.Find(kNoVlan, kStation, expired)->sticky);
  EXPECT_EQ(Learn(kStation, kPort1, expired), LearnResult::kMoved);
}

TEST_F(MacTableTest, SetReplacesAnyKindOfEntry) {
  Learn(kStation, kPort1);
  for (const MacEntryState state :
       {MacEntryState::kStatic, MacEntryState::kLearned, MacEntryState::kPermanent,
        MacEntryState::kStatic, MacEntryState::kPermanent, MacEntryState::kLearned}) {
    Set(kStation, kPort2, state);
    EXPECT_EQ(table_.Find(kNoVlan, kStation, kNow)->state, state);
    EXPECT_EQ(table_.size(), 1U);
    EXPECT_EQ(table_.learned(), state == MacEntryState::kLearned ? 1U : 0U);
    EXPECT_EQ(table_.learned(kPort2), table_.learned());
    EXPECT_EQ(table_.learned(kPort1), 0U);
  }
}

TEST_F(MacTableTest, SetCountsAsSeenNow) {
  ASSERT_TRUE(table_.Set({.vlan = kNoVlan, .address = kStation, .port = kPort1}, kNow));
  EXPECT_EQ(table_.Find(kNoVlan, kStation, kNow)->last_seen, kNow);
  EXPECT_EQ(PortOf(table_, kStation, kNow + kAgeing), std::nullopt);
}

TEST_F(MacTableTest, EraseRemovesAnyKindOfEntry) {
  Learn(Station(1), kPort1);
  Set(Station(2), kPort1, MacEntryState::kStatic);
  Set(Station(3), kPort1, MacEntryState::kPermanent);
  EXPECT_FALSE(table_.Erase(kVlan10, Station(1)));
  for (uint64_t i = 1; i <= 3; ++i) {
    EXPECT_TRUE(table_.Erase(kNoVlan, Station(i)));
    EXPECT_FALSE(table_.Erase(kNoVlan, Station(i)));
  }
  EXPECT_EQ(table_.size(), 0U);
}

// Sweep

TEST_F(MacTableTest, SweepReportsWhatAgedOutAndNothingElse) {
  Learn(Station(1), kPort1, kNow);
  Learn(Station(2), kPort2, kNow);
  table_.FlushPort(kPort2);
  Learn(Station(3), kPort3, kNow, kVlan10);
  table_.FlushVlan(kVlan10);
  Learn(Station(4), kPort1, kLater);
  Set(Station(5), kPort1, MacEntryState::kStatic);
  EXPECT_THAT(SweepAll(table_, kNow + kAgeing),
              ElementsAre(MacEntry{
                  .vlan = kNoVlan, .address = Station(1), .port = kPort1, .last_seen = kNow}));
  EXPECT_EQ(table_.size(), 2U);
  EXPECT_EQ(PortOf(table_, Station(4), kNow + kAgeing), kPort1);
  EXPECT_EQ(PortOf(table_, Station(5), kNow + kAgeing), kPort1);
}

TEST_F(MacTableTest, SweepGoesRoundInSteps) {
  LearnRange(table_, 1, 16, kPort1, kNow);
  const Tick expired = kNow + kAgeing;
  const size_t slots = table_.slots();
  EXPECT_FALSE(table_.Sweep(0, expired));
  EXPECT_FALSE(table_.Sweep(slots / 2, expired));
  EXPECT_GT(table_.size(), 0U);
  EXPECT_TRUE(table_.Sweep(slots, expired));  // stops where the round ends
  EXPECT_EQ(table_.size(), 0U);
  EXPECT_FALSE(table_.Sweep(slots - 1, expired));
  EXPECT_TRUE(table_.Sweep(1, expired));
}

TEST_F(MacTableTest, AWalkVisitsWhatIsLive) {
  Learn(Station(1), kPort1);
  Learn(Station(2), kPort2);
  table_.FlushPort(kPort2);
  Set(Station(3), kPort2, MacEntryState::kPermanent);
  EXPECT_THAT(EntriesOf(table_, kNow),
              UnorderedElementsAre(MacEntry{.vlan = kNoVlan,
                                            .address = Station(1),
                                            .port = kPort1,
                                            .state = MacEntryState::kLearned,
                                            .sticky = false,
                                            .last_seen = kNow},
                                   MacEntry{.vlan = kNoVlan,
                                            .address = Station(3),
                                            .port = kPort2,
                                            .state = MacEntryState::kPermanent,
                                            .sticky = false,
                                            .last_seen = kNow}));
}

}  // namespace
}  // namespace tapswitch::mac_table_test
