#include "ports/layer3/neighbour_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <utility>
#include <vector>

namespace tapswitch::neighbour_cache_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr MacAddress kMac = MacAddress::FromNumber(0x020000000001);
constexpr MacAddress kOtherMac = MacAddress::FromNumber(0x020000000002);
constexpr IpAddress kAddress = IpAddress::FromV4(0x0A000001);

class NeighbourCacheTest : public testing::Test {
 protected:
  std::optional<MacAddress> Find(IpAddress address = kAddress) {
    return cache_.Find(address, now_);
  }
  bool Hear(MacAddress mac, bool overrides = true) {
    return cache_.Learn(kAddress, mac, overrides, false, now_);
  }
  void Pass(Ticks time) {
    now_ = now_ + time;
    cache_.OnTick(now_);
  }

  Tick now_{1000};
  std::vector<std::pair<IpAddress, std::optional<MacAddress>>> asked_;
  std::vector<IpAddress> given_up_;
  NeighbourCache cache_{{.ask = [this](IpAddress who, auto to) { asked_.emplace_back(who, to); },
                         .give_up = [this](IpAddress who) { given_up_.push_back(who); }}};
};

TEST_F(NeighbourCacheTest, AsksAllForWhomItDoesNotKnow) {
  EXPECT_EQ(Find(), std::nullopt);
  EXPECT_EQ(Find(), std::nullopt);
  EXPECT_THAT(asked_, ElementsAre(Pair(kAddress, std::nullopt))) << "once";
  EXPECT_TRUE(cache_.is_waiting());
  EXPECT_TRUE(Hear(kMac));
  EXPECT_EQ(Find(), kMac);
  EXPECT_FALSE(cache_.is_waiting());
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(NeighbourCacheTest, GivesUpAfterSomeQuestions) {
  EXPECT_EQ(Find(), std::nullopt);
  Pass(Ticks{50});
  EXPECT_EQ(asked_.size(), 1U);
  for (int i = 0; i < NeighbourCache::kMostQuestions; ++i) Pass(NeighbourCache::kBetweenQuestions);
  EXPECT_EQ(asked_.size(), 3U);
  EXPECT_THAT(given_up_, ElementsAre(kAddress));
  EXPECT_FALSE(cache_.is_waiting());
  EXPECT_EQ(Find(), std::nullopt);
  EXPECT_EQ(asked_.size(), 4U) << "it begins anew";
}

TEST_F(NeighbourCacheTest, WhoHasNotBeenHeardOfForLongIsAskedAndUsedMeanwhile) {
  static_cast<void>(Find());
  static_cast<void>(Hear(kMac));
  Pass(NeighbourCache::kConfirmedFor);
  EXPECT_EQ(asked_.size(), 1U) << "nobody asks for whom nobody uses";
  EXPECT_EQ(Find(), kMac);
  ASSERT_EQ(asked_.size(), 2U);
  EXPECT_EQ(asked_.back().second, kMac) << "at first alone";
  EXPECT_FALSE(Hear(kMac)) << "nobody waits for that";
  EXPECT_FALSE(cache_.is_waiting());
}

TEST_F(NeighbourCacheTest, WhoDoesNotAnswerAnyMoreIsForgotten) {
  static_cast<void>(Find());
  static_cast<void>(Hear(kMac));
  Pass(NeighbourCache::kConfirmedFor);
  static_cast<void>(Find());
  for (int i = 0; i < NeighbourCache::kMostQuestions; ++i) Pass(NeighbourCache::kBetweenQuestions);
  EXPECT_EQ(asked_.back().second, std::nullopt) << "at last all";
  EXPECT_THAT(given_up_, ElementsAre(kAddress));
  EXPECT_EQ(Find(), std::nullopt);
}

TEST_F(NeighbourCacheTest, AStationMayChangeItsAddress) {
  static_cast<void>(Find());
  static_cast<void>(Hear(kMac));
  EXPECT_FALSE(Hear(kOtherMac, false)) << "it does not override";
  EXPECT_EQ(Find(), kMac);
  static_cast<void>(Hear(kOtherMac));
  EXPECT_EQ(Find(), kOtherMac);
}

TEST_F(NeighbourCacheTest, WhoNobodyWantsIsNotKept) {
  EXPECT_FALSE(Hear(kMac));
  EXPECT_EQ(cache_.size(), 0U);
  EXPECT_TRUE(cache_.Learn(kAddress, kMac, true, /*makes=*/true, now_));
  EXPECT_EQ(Find(), kMac);
  EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(NeighbourCacheTest, TheOneUsedLongestAgoMakesRoom) {
  for (uint32_t i = 0; i < NeighbourCache::kMost; ++i) {
    static_cast<void>(Find(IpAddress::FromV4(0x0A000001 + i)));
    now_ = now_ + Ticks{1};
  }
  static_cast<void>(Find());  // the first is used again
  static_cast<void>(Find(IpAddress::FromV4(0x0B000000)));
  EXPECT_EQ(cache_.size(), NeighbourCache::kMost);
  EXPECT_THAT(given_up_, ElementsAre(IpAddress::FromV4(0x0A000002)));
}

}  // namespace
}  // namespace tapswitch::neighbour_cache_test
