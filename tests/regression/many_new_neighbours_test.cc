// A packet to an address that nobody has spoken to costs as much in a full table as in an empty one.
// Before, each looked at all 1,024 entries for the one that was used longest ago.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include "ports/layer3/neighbour_cache.h"

namespace tapswitch::many_new_neighbours_test {
namespace {

using Span = std::chrono::steady_clock::duration;

constexpr int kPackets = 20'000;

template <typename Work>
Span TimeOf(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::steady_clock::now() - start;
}

TEST(ManyNewNeighboursTest, CostNoMoreThanAMapOfThisSize) {
  uint32_t next = 0x0A000000;
  NeighbourCache cache(
      {.ask = [](IpAddress, std::optional<MacAddress>) {}, .give_up = [](IpAddress) {}});
  std::map<IpAddress, int> map;
  const auto use_cache = [&] {
    for (int i = 0; i < kPackets; ++i) {
      static_cast<void>(cache.Find(IpAddress::FromV4(++next), Tick{static_cast<uint64_t>(next)}));
    }
  };
  const auto use_map = [&] {
    for (int i = 0; i < kPackets; ++i) {
      if (map.size() == NeighbourCache::kMost) map.erase(map.begin());
      map.emplace(IpAddress::FromV4(++next), 0);
    }
  };
  // The best of some rounds, as others may use the processor.
  Span of_cache = Span::max();
  Span of_map = Span::max();
  for (int round = 0; round < 5; ++round) {
    of_cache = std::min(of_cache, TimeOf(use_cache));
    of_map = std::min(of_map, TimeOf(use_map));
  }
  EXPECT_EQ(cache.size(), NeighbourCache::kMost);
  EXPECT_LT(of_cache, 8 * of_map);
}

// Who only asks for us does not take the place of somebody whom packets go to.
TEST(ManyNewNeighboursTest, ThoseThatAreUsedStay) {
  const IpAddress used = IpAddress::FromV4(0x0A000001);
  const MacAddress mac = MacAddress::FromNumber(0x020000000001);
  NeighbourCache cache(
      {.ask = [](IpAddress, std::optional<MacAddress>) {}, .give_up = [](IpAddress) {}});
  static_cast<void>(cache.Find(used, Tick{1}));
  EXPECT_TRUE(cache.Learn(used, mac, true, false, Tick{1}));
  for (uint32_t i = 0; i < 5 * NeighbourCache::kMost; ++i) {
    cache.Learn(IpAddress::FromV4(0x0B000000 + i), mac, true, /*makes=*/true, Tick{2});
  }
  EXPECT_EQ(cache.size(), NeighbourCache::kMost);
  EXPECT_EQ(cache.Find(used, Tick{3}), mac);
}

}  // namespace
}  // namespace tapswitch::many_new_neighbours_test
