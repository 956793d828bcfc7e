// Who is believed to have which address, and for how long.

#include "switch/protocol/neighbours/neighbour_table.h"

#include <gtest/gtest.h>

namespace tapswitch::neighbour_table_test {
namespace {

constexpr MacAddress kHost = MacAddress::FromNumber(0x020000000001);
constexpr MacAddress kRival = MacAddress::FromNumber(0x020000000002);
constexpr IpAddress kIp = IpAddress::FromV4(0x0A530001);

class NeighbourTableTest : public testing::Test {
 protected:
  using Result = NeighbourTable::Result;

  NeighbourTableTest() {
    table_.SetKey({.low = 3, .high = 4});
    table_.Reserve();
  }

  Result Learn(MacAddress mac, IpAddress address = kIp, VlanId vlan = kNoVlan) {
    return table_.Learn(vlan, mac, {.address = address}, now_);
  }
  void Pass(Ticks span) { now_ = now_ + span; }

  NeighbourTable table_;
  Tick now_{1000};
};

TEST_F(NeighbourTableTest, KnowsWhoSpokeUntilItsTimeIsOver) {
  EXPECT_EQ(Learn(kHost), Result::kNew);
  ASSERT_NE(table_.Find(kNoVlan, kIp, now_), nullptr);
  EXPECT_EQ(table_.Find(kNoVlan, kIp, now_)->mac, kHost);
  Pass({29999});
  EXPECT_NE(table_.Find(kNoVlan, kIp, now_), nullptr);
  Pass({1});
  EXPECT_EQ(table_.Find(kNoVlan, kIp, now_), nullptr);
  EXPECT_EQ(table_.CountAlive(now_), 0U);
}

TEST_F(NeighbourTableTest, SpeakingAgainRenewsIt) {
  static_cast<void>(Learn(kHost));
  Pass({20000});
  EXPECT_EQ(Learn(kHost), Result::kKnown);
  Pass({20000});
  EXPECT_NE(table_.Find(kNoVlan, kIp, now_), nullptr);
}

TEST_F(NeighbourTableTest, VlansAreApart) {
  static_cast<void>(Learn(kHost, kIp, VlanId{10}));
  EXPECT_EQ(table_.Find(VlanId{20}, kIp, now_), nullptr);
  EXPECT_EQ(Learn(kRival, kIp, VlanId{20}), Result::kNew);
  EXPECT_EQ(table_.Find(VlanId{10}, kIp, now_)->mac, kHost);
}

TEST_F(NeighbourTableTest, TwoThatClaimAnAddressAreNeitherBelievedUntilOneIsQuiet) {
  static_cast<void>(Learn(kHost));
  EXPECT_EQ(Learn(kRival), Result::kContested);
  EXPECT_TRUE(table_.Find(kNoVlan, kIp, now_)->is_contested(now_));
  Pass({2000});
  EXPECT_EQ(Learn(kHost), Result::kContested);
  Pass({2999});
  EXPECT_EQ(Learn(kHost), Result::kKnown);
  EXPECT_TRUE(table_.Find(kNoVlan, kIp, now_)->is_contested(now_));
  Pass({1});
  EXPECT_FALSE(table_.Find(kNoVlan, kIp, now_)->is_contested(now_));
  EXPECT_EQ(table_.Find(kNoVlan, kIp, now_)->mac, kHost);
}

TEST_F(NeighbourTableTest, AClaimThatDoesNotOverrideChangesNothing) {
  static_cast<void>(Learn(kHost));
  EXPECT_EQ(table_.Learn(kNoVlan, kRival, {.address = kIp, .overrides = false}, now_),
            Result::kKnown);
  EXPECT_EQ(table_.Find(kNoVlan, kIp, now_)->mac, kHost);
  EXPECT_FALSE(table_.Find(kNoVlan, kIp, now_)->is_contested(now_));
}

TEST_F(NeighbourTableTest, RemembersWhatItWasToldOfRouting) {
  static_cast<void>(table_.Learn(kNoVlan, kHost, {.address = kIp, .is_router = true}, now_));
  static_cast<void>(Learn(kHost));
  EXPECT_EQ(table_.Find(kNoVlan, kIp, now_)->is_router, true);
}

TEST_F(NeighbourTableTest, IsBoundedAndTheOneHeardLongestAgoMakesRoom) {
  for (uint32_t i = 0; i < 100'000; ++i) {
    Pass({i % 16 == 0 ? 1U : 0U});
    static_cast<void>(Learn(kHost, IpAddress::FromV4(0x0A000000 + i)));
  }
  EXPECT_LE(table_.CountAlive(now_), NeighbourTable::kCapacity);
  EXPECT_GT(table_.CountAlive(now_), NeighbourTable::kCapacity * 9 / 10);
  EXPECT_NE(table_.Find(kNoVlan, IpAddress::FromV4(0x0A000000 + 99'999), now_), nullptr);
  EXPECT_EQ(table_.Find(kNoVlan, IpAddress::FromV4(0x0A000000), now_), nullptr);
}

TEST_F(NeighbourTableTest, ForgetsWhatIsUnwanted) {
  static_cast<void>(Learn(kHost));
  static_cast<void>(Learn(kRival, IpAddress::FromV4(0x0A530002)));
  EXPECT_EQ(table_.Erase(now_, [](const Neighbour& n) { return n.mac == kHost; }), 1U);
  EXPECT_EQ(table_.Find(kNoVlan, kIp, now_), nullptr);
  EXPECT_EQ(table_.CountAlive(now_), 1U);
}

TEST_F(NeighbourTableTest, WithoutRoomNothingIsLearned) {
  table_.Release();
  static_cast<void>(Learn(kHost));
  EXPECT_EQ(table_.Find(kNoVlan, kIp, now_), nullptr);
  table_.Reserve();
  EXPECT_EQ(table_.Find(kNoVlan, kIp, now_), nullptr);
}

// ---- What somebody outside knows

TEST_F(NeighbourTableTest, WhatIsFixedDoesNotAge) {
  EXPECT_TRUE(table_.Fix({.address = kIp, .mac = kHost, .vlan = kNoVlan}, now_));
  Pass({1000000});
  ASSERT_NE(table_.Find(kNoVlan, kIp, now_), nullptr);
  EXPECT_TRUE(table_.Find(kNoVlan, kIp, now_)->fixed);
}

TEST_F(NeighbourTableTest, AStationDoesNotGetWhatIsFixedForAnother) {
  EXPECT_TRUE(table_.Fix({.address = kIp, .mac = kHost, .vlan = kNoVlan}, now_));
  EXPECT_EQ(Learn(kRival), Result::kContested);
  EXPECT_EQ(table_.Find(kNoVlan, kIp, now_)->mac, kHost);
  EXPECT_TRUE(table_.Find(kNoVlan, kIp, now_)->is_contested(now_));
}

TEST_F(NeighbourTableTest, WhatIsFixedMakesNoRoom) {
  EXPECT_TRUE(table_.Fix({.address = kIp, .mac = kHost, .vlan = kNoVlan}, now_));
  for (uint32_t i = 0; i < 4 * NeighbourTable::kCapacity; ++i) {
    Pass({1});
    static_cast<void>(Learn(kRival, IpAddress::FromV4(0x0B000000 + i)));
  }
  ASSERT_NE(table_.Find(kNoVlan, kIp, now_), nullptr);
  uint32_t fixed = 1;
  for (uint32_t i = 0; i < 4 * NeighbourTable::kCapacity; ++i) {
    const IpAddress address = IpAddress::FromV4(0x0C000000 + i);
    fixed += table_.Fix({.address = address, .mac = kHost, .vlan = kNoVlan}, now_) ? 1 : 0;
  }
  EXPECT_LE(fixed, NeighbourTable::kCapacity);
  EXPECT_EQ(table_.CountAlive(now_), NeighbourTable::kCapacity);
}

TEST_F(NeighbourTableTest, UnfixedItIsForgottenOrAges) {
  EXPECT_TRUE(table_.Fix({.address = kIp, .mac = kHost, .vlan = kNoVlan}, now_));
  table_.Unfix(kNoVlan, kIp, /*keeps=*/true, now_);
  ASSERT_NE(table_.Find(kNoVlan, kIp, now_), nullptr);
  Pass({30000});
  EXPECT_EQ(table_.Find(kNoVlan, kIp, now_), nullptr);
  EXPECT_TRUE(table_.Fix({.address = kIp, .mac = kHost, .vlan = kNoVlan}, now_));
  table_.Unfix(kNoVlan, kIp, /*keeps=*/false, now_);
  EXPECT_EQ(table_.Find(kNoVlan, kIp, now_), nullptr);
}

}  // namespace
}  // namespace tapswitch::neighbour_table_test
