// Which changes the generations of the MAC table count, and where; and what they do not count.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>

#include "switch/forwarding/fdb/mac_table.h"
#include "tests/support/mac_stations.h"

namespace tapswitch::mac_table_generations_test {
namespace {

constexpr Tick kNow{1000};
constexpr Ticks kAgeing{300};
constexpr PortId kPort1{1};
constexpr PortId kPort2{2};
constexpr PortId kPort3{3};
constexpr VlanId kVlan10{10};
constexpr VlanId kVlan20{20};
constexpr MacAddress kStation = Station(1);

class MacTableGenerationsTest : public ::testing::Test {
 protected:
  // What has grown since the last call: of "1", "2", "3" (ports), "v10", "v20", "t" (table).
  std::string Grown() {
    std::string grown;
    const auto note = [&](uint64_t now, uint64_t& before, const char* name) {
      EXPECT_GE(now, before);
      if (now != before) grown += grown.empty() ? name : std::string(" ") + name;
      before = now;
    };
    note(table_.generation(kPort1), before_[0], "1");
    note(table_.generation(kPort2), before_[1], "2");
    note(table_.generation(kPort3), before_[2], "3");
    note(table_.generation(kVlan10), before_[3], "v10");
    note(table_.generation(kVlan20), before_[4], "v20");
    note(table_.generation(), before_[5], "t");
    return grown;
  }

  LearnResult Learn(uint64_t station, PortId port, Tick now = kNow) {
    return table_.Learn(kVlan10, Station(station), port, now);
  }
  MacEntry Static(PortId port) const {
    return {.vlan = kVlan10, .address = kStation, .port = port, .state = MacEntryState::kStatic};
  }

  MacTable table_{{.capacity = 4, .ageing = kAgeing, .salt = 7}};
  std::array<uint64_t, 6> before_{};
};

TEST_F(MacTableGenerationsTest, ANewStationCountsInItsVlan) {
  Learn(1, kPort1);
  EXPECT_EQ(Grown(), "v10 t");
}

TEST_F(MacTableGenerationsTest, ToBeSeenAgainCountsNothing) {
  Learn(1, kPort1);
  Grown();
  EXPECT_EQ(Learn(1, kPort1, Tick{1001}), LearnResult::kRefreshed);
  EXPECT_EQ(Grown(), "");
  ASSERT_TRUE(table_.Set(Static(kPort1), kNow));
  Grown();
  EXPECT_EQ(Learn(1, kPort1), LearnResult::kRefreshed);
  EXPECT_EQ(Learn(1, kPort2), LearnResult::kPinned);
  EXPECT_EQ(Grown(), "");
}

TEST_F(MacTableGenerationsTest, AMoveCountsOnBothPorts) {
  Learn(1, kPort1);
  Grown();
  EXPECT_EQ(Learn(1, kPort2), LearnResult::kMoved);
  EXPECT_EQ(Grown(), "1 2 v10 t");
}

TEST_F(MacTableGenerationsTest, WhatIsSetAndErasedCountsWhereItWasAndIs) {
  ASSERT_TRUE(table_.Set(Static(kPort1), kNow));
  EXPECT_EQ(Grown(), "v10 t");
  ASSERT_TRUE(table_.Set(Static(kPort2), kNow));
  EXPECT_EQ(Grown(), "1 2 v10 t");
  ASSERT_TRUE(table_.Append(Static(kPort3), kNow));
  EXPECT_EQ(Grown(), "2 3 v10 t");
  EXPECT_TRUE(table_.Erase(kVlan10, kStation, kPort3));
  EXPECT_EQ(Grown(), "2 3 v10 t");
  EXPECT_FALSE(table_.Erase(kVlan10, kStation, kPort3));
  EXPECT_EQ(Grown(), "");
  EXPECT_TRUE(table_.Erase(kVlan10, kStation));
  EXPECT_EQ(Grown(), "2 v10 t");
  ASSERT_TRUE(table_.Set(Static(kPort1), kNow));
  Grown();
  EXPECT_TRUE(table_.ErasePort(kPort1, 10));
  EXPECT_EQ(Grown(), "1 v10 t");
}

TEST_F(MacTableGenerationsTest, AnAddressOfTheBridgeCountsInAllVlans) {
  const MacEntry own{.vlan = kAnyVlan,
                     .address = Station(9),
                     .port = kBridgePort,
                     .state = MacEntryState::kPermanent};
  ASSERT_TRUE(table_.Set(own, kNow));
  EXPECT_EQ(Grown(), "v10 v20 t");
  EXPECT_TRUE(table_.Erase(kAnyVlan, Station(9)));
  EXPECT_EQ(Grown(), "v10 v20 t");
}

TEST_F(MacTableGenerationsTest, FlushesCountWhereEntriesMayHaveBeen) {
  table_.FlushPort(kPort1);
  EXPECT_EQ(Grown(), "") << "it had none";
  Learn(1, kPort1);
  Learn(2, kPort2);
  Grown();
  table_.FlushPort(kPort1);
  EXPECT_EQ(Grown(), "1 v10 v20 t");
  table_.FlushVlan(kVlan10);
  EXPECT_EQ(Grown(), "1 2 3 v10 t");
  Learn(1, kPort1);
  Grown();
  table_.FlushAll();
  EXPECT_EQ(Grown(), "1 2 v10 v20 t") << "port 2 has one that was flushed with its VLAN";
}

TEST_F(MacTableGenerationsTest, AnEvictionCountsOnThePortThatLosesAnEntry) {
  for (uint64_t i = 1; i <= 4; ++i) Learn(i, kPort1);
  Grown();
  EXPECT_EQ(Learn(5, kPort2), LearnResult::kLearned);
  EXPECT_EQ(Grown(), "1 v10 t");
}

TEST_F(MacTableGenerationsTest, AgeingIsNoChangeButAnotherAgeingTimeIs) {
  Learn(1, kPort1);
  Grown();
  EXPECT_EQ(table_.StandingOf(kVlan10, kStation, kPort1, kNow),
            (MacStanding{.until = kNow + kAgeing, .is_held = false}));
  EXPECT_EQ(table_.StandingOf(kVlan10, kStation, kPort1, kNow + kAgeing), std::nullopt);
  table_.Sweep(table_.slots(), kNow + kAgeing);
  EXPECT_EQ(table_.size(), 0U);
  EXPECT_EQ(Grown(), "");
  table_.set_ageing(kAgeing);
  EXPECT_EQ(Grown(), "");
  table_.set_ageing(Ticks{200});
  EXPECT_EQ(Grown(), "1 2 3 v10 v20 t");
}

TEST_F(MacTableGenerationsTest, AHoldCountsOnThePort) {
  Learn(1, kPort1);
  Grown();
  table_.Hold(kVlan10, kStation);
  EXPECT_EQ(Grown(), "1 v10 t");
  table_.Hold(kVlan10, kStation);
  EXPECT_EQ(Grown(), "");
  EXPECT_TRUE(table_.StandingOf(kVlan10, kStation, kPort1, kNow)->is_held);
  EXPECT_TRUE(table_.ReleaseHold(kVlan10, kStation));
  EXPECT_EQ(Grown(), "1 v10 t");
}

TEST_F(MacTableGenerationsTest, LimitsCountNothing) {
  Learn(1, kPort1);
  Grown();
  table_.set_max_learned(1);
  table_.set_max_learned(kPort1, 1);
  EXPECT_EQ(Learn(2, kPort1), LearnResult::kLimited);
  EXPECT_EQ(Grown(), "") << "they evict nothing, and a station that is known is not limited";
}

}  // namespace
}  // namespace tapswitch::mac_table_generations_test
