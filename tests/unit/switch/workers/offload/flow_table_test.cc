// The table of flows: found by key, and by either station; against a naive one.

#include "switch/workers/offload/flow_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "switch/workers/offload/flow_sightings.h"
#include "tests/support/mac_stations.h"

namespace tapswitch::flow_table_test {
namespace {

OffloadedFlow FlowOf(uint32_t ifindex, int source, int destination) {
  OffloadedFlow flow{.source = Station(source), .destination = Station(destination)};
  flow.key.ifindex = ifindex;
  flow.key.addresses[5] = static_cast<uint8_t>(destination);
  flow.key.addresses[11] = static_cast<uint8_t>(source);
  return flow;
}

TEST(FlowTableTest, AgreesWithANaiveOne) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  FlowTable table;
  std::map<std::vector<int>, FlowTable::Id> naive;
  for (int i = 0; i < 20'000; ++i) {
    const std::vector<int> what{1, static_cast<int>(random() % 12),
                                static_cast<int>(random() % 12)};
    const OffloadedFlow flow = FlowOf(1, what[1], what[2]);
    const auto known = naive.find(what);
    ASSERT_EQ(table.Find(flow.key).has_value(), known != naive.end());
    if (known == naive.end()) {
      naive[what] = table.Add(flow);
    } else {
      ASSERT_EQ(table.Find(flow.key), known->second);
      table.Remove(known->second);
      ASSERT_FALSE(table.has(known->second));
      naive.erase(known);
    }
    ASSERT_EQ(table.size(), naive.size());
    const int station = static_cast<int>(random() % 12);
    std::multiset<FlowTable::Id> expected;
    for (const auto& [key, id] : naive) {
      if (key[1] == station) expected.insert(id);
      if (key[2] == station) expected.insert(id);
    }
    const auto found = table.Of(Station(station), 1000);
    ASSERT_EQ(std::multiset<FlowTable::Id>(found.begin(), found.end()), expected);
    ASSERT_EQ(table.knows(Station(station)), !expected.empty());
  }
}

TEST(FlowTableTest, HasRoomForAsManyAsTheKernel) {
  FlowTable table;
  for (uint32_t i = 0; i < TAPSWITCH_MOST_FLOWS; ++i) {
    EXPECT_FALSE(table.full());
    table.Add(FlowOf(i, 1, 2));
  }
  EXPECT_TRUE(table.full());
  EXPECT_EQ(table.Of(Station(1), 10).size(), 10U);
}

TEST(FlowSightingsTest, AConversationIsReportedOnceItHasGoneOn) {
  FlowSightings sightings;
  for (uint32_t i = 1; i < FlowSightings::kEnough; ++i)
    EXPECT_FALSE(sightings.Note(5, false, Tick{10}));
  EXPECT_TRUE(sightings.Note(5, false, Tick{20}));
  EXPECT_FALSE(sightings.Note(5, false, Tick{20})) << "it is counted anew";
}

TEST(FlowSightingsTest, OneThatIsSlowOrMeetsAnotherIsNot) {
  FlowSightings sightings;
  for (uint32_t i = 0; i < 100; ++i) {
    EXPECT_FALSE(sightings.Note(5, false, Tick{1000 + 20 * i}));
    EXPECT_FALSE(sightings.Note(6, false, Tick{1000 + i}) && i < FlowSightings::kEnough - 1);
  }
  for (uint32_t i = 0; i < 100; ++i) {
    EXPECT_FALSE(sightings.Note(7, false, Tick{5000}));
    EXPECT_FALSE(sightings.Note(7 + 4096, false, Tick{5000}));
  }
}

TEST(FlowSightingsTest, OneThatIsHeldOffIsNotReportedUntilThen) {
  FlowSightings sightings;
  sightings.HoldOff(5, Tick{200});
  for (uint32_t i = 0; i < 100; ++i) EXPECT_FALSE(sightings.Note(5, false, Tick{199}));
  for (uint32_t i = 1; i < FlowSightings::kEnough; ++i)
    EXPECT_FALSE(sightings.Note(5, false, Tick{200}));
  EXPECT_TRUE(sightings.Note(5, false, Tick{200}));
}

// Whether one is reported of whose next frames so many left joined.
bool IsReported(FlowSightings& sightings, uint32_t joined, Tick now = Tick{1},
                uint32_t frames = FlowSightings::kEnough) {
  bool is_reported = false;
  for (uint32_t i = 0; i < frames; ++i) {
    if (sightings.Note(5, i < joined, now)) is_reported = true;
  }
  return is_reported;
}

TEST(FlowSightingsTest, OneIsKeptOfWhichAQuarterOfTheFramesLeaveJoined) {
  FlowSightings sightings;
  EXPECT_TRUE(IsReported(sightings, 1));
  EXPECT_FALSE(sightings.is_kept(5));
  EXPECT_FALSE(IsReported(sightings, 2));
  EXPECT_TRUE(sightings.is_kept(5));
}

TEST(FlowSightingsTest, OneThatIsKeptStaysAlthoughAFewInARowAreNotJoined) {
  constexpr uint32_t kFew = FlowSightings::kEnoughToEnd / 2;
  FlowSightings sightings;
  ASSERT_FALSE(IsReported(sightings, FlowSightings::kEnough));
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(IsReported(sightings, 0, Tick{1}, kFew));
    EXPECT_FALSE(IsReported(sightings, kFew, Tick{1}, kFew));
  }
  EXPECT_TRUE(sightings.is_kept(5));
}

TEST(FlowSightingsTest, OneThatIsKeptGoesWhenFewOfManyAreJoined) {
  constexpr uint32_t kMany = FlowSightings::kEnoughToEnd;
  FlowSightings sightings;
  ASSERT_FALSE(IsReported(sightings, FlowSightings::kEnough));
  EXPECT_FALSE(IsReported(sightings, kMany / 4, Tick{1}, kMany));
  EXPECT_TRUE(IsReported(sightings, kMany / 4 - 1, Tick{1}, kMany));
  EXPECT_FALSE(sightings.is_kept(5));
}

TEST(FlowSightingsTest, OneThatIsKeptGoesAfterASecondInWhichFewAreJoined) {
  FlowSightings sightings;
  ASSERT_FALSE(IsReported(sightings, FlowSightings::kEnough));
  EXPECT_FALSE(IsReported(sightings, 0, Tick{50}));
  EXPECT_TRUE(sightings.is_kept(5));
  EXPECT_TRUE(IsReported(sightings, 0, Tick{101}));
  EXPECT_FALSE(sightings.is_kept(5));
}

}  // namespace
}  // namespace tapswitch::flow_table_test
