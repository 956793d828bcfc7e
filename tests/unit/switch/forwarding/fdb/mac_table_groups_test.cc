// Static entries with several ports, entries of the bridge itself, and taking ports out.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "switch/forwarding/fdb/mac_table.h"
#include "tests/support/mac_stations.h"

namespace tapswitch::mac_table_groups_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Tick kNow{1000};
constexpr Tick kLater{1001};
constexpr Ticks kAgeing{300};
constexpr PortId kPort1{1};
constexpr PortId kPort2{2};
constexpr PortId kPort3{3};
constexpr MacAddress kStation = Station(1);

class MacTableGroupsTest : public ::testing::Test {
 protected:
  bool Append(MacAddress address, PortId port) {
    return table_.Append({.vlan = kNoVlan, .address = address, .port = port}, kNow);
  }
  bool Set(MacAddress address, PortId port, MacEntryState state) {
    return table_.Set({.vlan = kNoVlan, .address = address, .port = port, .state = state}, kNow);
  }
  // As shown one by one.
  std::vector<uint16_t> PortsOf(MacAddress address) {
    std::vector<uint16_t> ports;
    for (const MacEntry& entry : table_.FindAll(kNoVlan, address, kNow)) {
      EXPECT_EQ(entry.state, MacEntryState::kStatic);
      ports.push_back(entry.port.value);
    }
    return ports;
  }

  MacTable table_{{.capacity = 4, .ageing = kAgeing, .salt = 7}};
};

TEST_F(MacTableGroupsTest, TheFirstAppendedPortMakesAnOrdinaryStaticEntry) {
  EXPECT_TRUE(Append(kStation, kPort1));
  EXPECT_TRUE(Append(kStation, kPort1));
  EXPECT_EQ(table_.Lookup(kNoVlan, kStation, kNow), (MacLookup{.port = kPort1}));
  EXPECT_EQ(table_.size(), 1U);
}

TEST_F(MacTableGroupsTest, FurtherPortsMakeAGroupThatALookUpYields) {
  Append(kStation, kPort3);
  Append(kStation, kPort1);
  Append(kStation, kPort2);
  const auto found = table_.Lookup(kNoVlan, kStation, kNow);
  ASSERT_NE(found->group, kNoGroup);
  EXPECT_FALSE(found->is_local);
  PortSet expected;
  for (const PortId port : {kPort1, kPort2, kPort3}) expected.insert(port);
  EXPECT_EQ(table_.group(found->group), expected);
  EXPECT_EQ(table_.size(), 1U);
  EXPECT_EQ(EntriesOf(table_, kNow).size(), 3U) << "shown as one for each port";
  EXPECT_THAT(PortsOf(kStation), ElementsAre(1, 2, 3));
  EXPECT_EQ(table_.Find(kNoVlan, kStation, kNow)->port, kPort1);
}

TEST_F(MacTableGroupsTest, AppendReplacesALearnedEntryAndRefusesAPermanentOne) {
  table_.Learn(kNoVlan, kStation, kPort1, kNow);
  EXPECT_TRUE(Append(kStation, kPort2));
  EXPECT_THAT(PortsOf(kStation), ElementsAre(2));
  ASSERT_TRUE(Set(Station(2), kPort1, MacEntryState::kPermanent));
  EXPECT_FALSE(Append(Station(2), kPort2));
  EXPECT_TRUE(table_.Lookup(kNoVlan, Station(2), kNow)->is_local);
}

TEST_F(MacTableGroupsTest, AppendIsRefusedWhenThereIsNoRoom) {
  for (uint64_t i = 1; i <= 4; ++i) EXPECT_TRUE(Append(Station(i), kPort1));
  EXPECT_FALSE(Append(Station(5), kPort1));
  EXPECT_TRUE(Append(Station(4), kPort2)) << "another port needs none";
}

TEST_F(MacTableGroupsTest, AStationIsAtHomeOnEachPortOfItsGroupAndPinnedElsewhere) {
  Append(kStation, kPort1);
  Append(kStation, kPort2);
  EXPECT_EQ(table_.Learn(kNoVlan, kStation, kPort2, kLater), LearnResult::kRefreshed);
  EXPECT_EQ(table_.Find(kNoVlan, kStation, kLater)->last_seen, kLater);
  EXPECT_EQ(table_.Learn(kNoVlan, kStation, kPort3, kLater), LearnResult::kPinned);
}

TEST_F(MacTableGroupsTest, APortIsTakenOutAndTheEntryGoesWithItsLast) {
  Append(kStation, kPort1);
  Append(kStation, kPort2);
  EXPECT_FALSE(table_.Erase(kNoVlan, kStation, kPort3));
  EXPECT_FALSE(table_.Erase(kNoVlan, kStation, kBridgePort));
  EXPECT_TRUE(table_.Erase(kNoVlan, kStation, kPort1));
  EXPECT_EQ(table_.Lookup(kNoVlan, kStation, kNow), (MacLookup{.port = kPort2}));
  EXPECT_FALSE(table_.Erase(kNoVlan, kStation, kPort1));
  EXPECT_TRUE(table_.Erase(kNoVlan, kStation, kPort2));
  EXPECT_THAT(PortsOf(kStation), IsEmpty());
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(MacTableGroupsTest, GroupsAreLimitedAndUsedAgain) {
  constexpr auto kMax = static_cast<uint32_t>(MacTable::kMaxGroups);
  table_ = MacTable({.capacity = kMax + 1, .ageing = kAgeing, .salt = 7});
  for (uint64_t i = 0; i < kMax; ++i) {
    Append(Station(i), kPort1);
    ASSERT_TRUE(Append(Station(i), kPort2));
  }
  const MacAddress next = Station(kMax);
  EXPECT_TRUE(Append(next, kPort1));
  EXPECT_FALSE(Append(next, kPort2));
  EXPECT_THAT(PortsOf(next), ElementsAre(1)) << "left as it was";
  EXPECT_TRUE(Append(Station(0), kPort3)) << "has a group already";

  table_.Erase(kNoVlan, Station(7));
  EXPECT_TRUE(Append(next, kPort2));
  ASSERT_TRUE(Set(Station(8), kPort1, MacEntryState::kStatic));
  ASSERT_TRUE(Append(Station(8), kPort2)) << "Set gave its group back";
  EXPECT_THAT(PortsOf(Station(9)), ElementsAre(1, 2));
}

TEST_F(MacTableGroupsTest, ErasingAPortTakesItOutOfGroups) {
  Append(Station(1), kPort1);
  Append(Station(1), kPort2);
  Append(Station(2), kPort1);
  ASSERT_TRUE(table_.ErasePort(kPort1, 100));
  EXPECT_THAT(PortsOf(Station(1)), ElementsAre(2));
  EXPECT_THAT(PortsOf(Station(2)), IsEmpty());
}

TEST_F(MacTableGroupsTest, ErasingAPortGoesInPieces) {
  table_ = MacTable({.capacity = 100, .ageing = kAgeing, .salt = 7});
  for (uint64_t i = 0; i < 10; ++i) Append(Station(i), kPort1);
  for (uint64_t i = 0; i < 5; ++i) Append(Station(i), kPort2);
  LearnRange(table_, 50, 90, kPort1, kNow);
  EXPECT_FALSE(table_.ErasePort(kPort1, 4));
  EXPECT_EQ(table_.learned(kPort1), 0U) << "learned ones go at once";
  EXPECT_EQ(EntriesOf(table_, kNow).size(), 11U);
  int calls = 1;
  while (!table_.ErasePort(kPort1, 4)) ++calls;
  EXPECT_GE(calls, 2);
  for (const MacEntry& entry : EntriesOf(table_, kNow)) EXPECT_EQ(entry.port, kPort2);
  EXPECT_EQ(table_.size(), 5U);
}

TEST_F(MacTableGroupsTest, TheBridgesOwnAddressesAreNobodysPort) {
  ASSERT_TRUE(Set(kStation, kBridgePort, MacEntryState::kPermanent));
  EXPECT_TRUE(table_.Lookup(kNoVlan, kStation, kNow)->is_local);
  EXPECT_EQ(table_.Find(kNoVlan, kStation, kNow)->port, kBridgePort);
  EXPECT_EQ(table_.Learn(kNoVlan, kStation, kPort1, kNow), LearnResult::kLocal);
  EXPECT_FALSE(table_.has_mortal());
  EXPECT_TRUE(table_.ErasePort(kPort1, 100));
  EXPECT_EQ(table_.size(), 1U);
  EXPECT_TRUE(table_.ErasePort(kBridgePort, 100));
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(MacTableGroupsTest, ABridgeAddressFindsRoomInATableFullOfLearnedOnes) {
  LearnRange(table_, 1, 4, kPort1, kNow);
  EXPECT_TRUE(Set(Station(9), kBridgePort, MacEntryState::kPermanent));
  EXPECT_EQ(table_.learned(kPort1), 3U);
}

}  // namespace
}  // namespace tapswitch::mac_table_groups_test
