#include "switch/forwarding/vlan_set.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace tapswitch::vlan_set_test {
namespace {

static_assert(sizeof(VlanSet) == 512);

VlanSet Of(std::initializer_list<uint16_t> vlans) {
  VlanSet set;
  for (const uint16_t vlan : vlans) set.insert(VlanId{vlan});
  return set;
}

TEST(VlanSetTest, HoldsTheFirstAndTheLastVlan) {
  const VlanSet set = Of({0, kVlanCount - 1});
  EXPECT_TRUE(set.contains(kNoVlan));
  EXPECT_TRUE(set.contains(kReservedVlan));
  EXPECT_FALSE(set.contains(kMostVlan));
  EXPECT_EQ(set.size(), 2U);
}

TEST(VlanSetTest, AllAreAsManyAsThereCanBe) {
  EXPECT_EQ(VlanSet::All().size(), kVlanCount);
  EXPECT_FALSE(VlanSet::All().empty());
}

TEST(VlanSetTest, OneVlanIsEnoughNotToBeEmpty) {
  EXPECT_TRUE(VlanSet().empty());
  for (const uint16_t vlan : std::initializer_list<uint16_t>{0, 63, 64, 4095}) {
    EXPECT_FALSE(VlanSet::Of(VlanId{vlan}).empty()) << vlan;
  }
}

TEST(VlanSetTest, VisitsInAscendingOrder) {
  std::vector<uint16_t> visited;
  Of({4095, 5, 64, 0}).ForEach([&](VlanId vlan) { visited.push_back(vlan.value); });
  EXPECT_EQ(visited, (std::vector<uint16_t>{0, 5, 64, 4095}));
}

TEST(VlanSetTest, SetAlgebra) {
  EXPECT_EQ(Of({1, 2, 700}) & Of({2, 700, 3}), Of({2, 700}));
  EXPECT_EQ(Of({1, 2}) | Of({2, 4094}), Of({1, 2, 4094}));
  EXPECT_EQ(Of({1, 2, 4094}) - Of({2, 4094}), Of({1}));
}

}  // namespace
}  // namespace tapswitch::vlan_set_test
