// What the MAC table reports, and what it does not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "switch/forwarding/fdb/mac_table.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/mac_stations.h"
#include "tests/support/recorded_events.h"

namespace tapswitch::mac_table_events_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Tick kNow{1000};
constexpr Ticks kAgeing{300};
constexpr Tick kExpired = kNow + kAgeing;
constexpr PortId kPort1{1};
constexpr PortId kPort2{2};
constexpr VlanId kVlan10{10};
constexpr MacAddress kStation = Station(1);

class MacTableEventsTest : public ::testing::Test {
 protected:
  MacTableEventsTest() { table_.set_journal(&log_.journal()); }

  // "KIND station: from -> to" of each event since the last call.
  std::vector<std::string> Events() {
    const std::vector<std::string> kinds{"learned", "moved", "aged", "flushed"};
    std::vector<std::string> events;
    for (const FdbEvent& event : log_.events()) {
      events.push_back(kinds[static_cast<size_t>(event.kind)] + " " +
                       std::to_string(event.entry.address.number() - Station(0).number()) + ": " +
                       std::to_string(event.from.value) + " -> " +
                       std::to_string(event.entry.port.value));
    }
    log_.Clear();
    return events;
  }

  MacTable table_{{.capacity = 4, .ageing = kAgeing, .salt = 7}};
  RecordedEvents log_;
};

TEST_F(MacTableEventsTest, LearningMovingAndAgeingAreReported) {
  table_.Learn(kNoVlan, kStation, kPort1, kNow);
  EXPECT_EQ(
      log_.events().front(),
      (FdbEvent{.kind = FdbEvent::Kind::kLearned,
                .entry = {.vlan = kNoVlan, .address = kStation, .port = kPort1, .last_seen = kNow},
                .from = kPort1}));
  EXPECT_THAT(Events(), ElementsAre("learned 1: 1 -> 1"));
  table_.Learn(kNoVlan, kStation, kPort1, Tick{1001});
  EXPECT_THAT(Events(), IsEmpty()) << "to be seen again is no event";
  table_.Learn(kNoVlan, kStation, kPort2, Tick{1001});
  EXPECT_THAT(Events(), ElementsAre("moved 1: 1 -> 2"));
  table_.Sweep(table_.slots(), Tick{1301});
  EXPECT_THAT(Events(), ElementsAre("aged 1: 2 -> 2"));
}

TEST_F(MacTableEventsTest, AnExpiredStationThatReturnsHasAgedFirst) {
  table_.Learn(kNoVlan, kStation, kPort1, kNow);
  Events();
  table_.Learn(kNoVlan, kStation, kPort2, kExpired);
  EXPECT_THAT(Events(), ElementsAre("aged 1: 1 -> 1", "learned 1: 2 -> 2"));
}

TEST_F(MacTableEventsTest, WhatGivesWayIsReported) {
  LearnRange(table_, 1, 4, kPort1, kNow);
  Events();
  table_.Learn(kNoVlan, Station(5), kPort1, kNow);
  EXPECT_THAT(Events(), ElementsAre("aged 1: 1 -> 1", "learned 5: 1 -> 1"));
  table_.set_max_learned(4);
  table_.Learn(kNoVlan, Station(6), kPort2, kExpired);
  EXPECT_THAT(Events(), ElementsAre("aged 2: 1 -> 1", "learned 6: 2 -> 2"));
}

TEST_F(MacTableEventsTest, FlushesReportOnceEachEntryThatWasThere) {
  table_.Learn(kNoVlan, Station(1), kPort1, kNow);
  table_.Learn(kVlan10, Station(2), kPort1, kNow);
  table_.Learn(kVlan10, Station(3), kPort2, kNow);
  Events();
  table_.FlushVlan(kVlan10);
  EXPECT_THAT(Events(), ElementsAre("flushed 2: 1 -> 1", "flushed 3: 2 -> 2"));
  table_.FlushVlan(kVlan10);
  EXPECT_THAT(Events(), IsEmpty());
  table_.FlushAll();
  EXPECT_THAT(Events(), ElementsAre("flushed 1: 1 -> 1"));
  table_.Sweep(table_.slots(), kExpired);
  table_.Learn(kNoVlan, Station(1), kPort1, kExpired);
  EXPECT_THAT(Events(), ElementsAre("learned 1: 1 -> 1"));
}

TEST_F(MacTableEventsTest, WhatIsDoneByHandIsNotReported) {
  const MacEntry entry{.vlan = kNoVlan, .address = kStation, .port = kPort1, .by_user = true};
  ASSERT_TRUE(table_.Set(entry, kNow));
  ASSERT_TRUE(table_.Append(entry, kNow));
  EXPECT_TRUE(table_.Erase(kNoVlan, kStation));
  EXPECT_THAT(Events(), IsEmpty());
  ASSERT_TRUE(table_.Set(entry, kNow));
  ASSERT_TRUE(table_.Set(entry, kExpired));
  EXPECT_THAT(Events(), ElementsAre("aged 1: 1 -> 1")) << "but what had aged before is";
}

TEST_F(MacTableEventsTest, WithoutALogNothingIsReported) {
  table_.set_journal(nullptr);
  table_.Learn(kNoVlan, kStation, kPort1, kNow);
  table_.FlushAll();
  table_.set_journal(&log_.journal());
  EXPECT_THAT(Events(), IsEmpty());
}

TEST_F(MacTableEventsTest, AFullLogCountsWhatItMissesAndAllocatesNothing) {
  constexpr auto kRoom = static_cast<uint32_t>(ChangeJournal::kCapacity);
  table_ = MacTable({.capacity = 2 * kRoom, .ageing = kAgeing, .salt = 7});
  table_.set_journal(&log_.journal());
  const size_t allocations = AllocationCount();
  LearnRange(table_, 1, kRoom + 3, kPort1, kNow);
  EXPECT_EQ(log_.missed(), 3U);
  log_.Clear();
  EXPECT_EQ(log_.missed(), 0U);
  table_.FlushPort(kPort1);
  EXPECT_EQ(AllocationCount(), allocations);
  EXPECT_EQ(log_.events().size(), ChangeJournal::kMostListed);
  EXPECT_EQ(log_.missed(), 0U);
  const ChangeJournal& journal = log_.journal();
  EXPECT_EQ(journal.at(journal.next() - 1).unlisted, kRoom + 3 - ChangeJournal::kMostListed);
}

}  // namespace
}  // namespace tapswitch::mac_table_events_test
