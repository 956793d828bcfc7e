// A packet to an address that nobody has spoken to costs as much in a full table as in a small one.
// Before, each looked at all 1,024 entries for the one that was used longest ago.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <optional>

#include "ports/layer3/neighbour_cache.h"

namespace tapswitch::many_new_neighbours_test {
namespace {

using Span = std::chrono::nanoseconds;

// Of this thread, as others may use the processor, too.
Span ProcessorTime() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + Span(time.tv_nsec);
}

class Neighbours {
 public:
  // Returns what packets to so many new addresses cost.
  Span Meet(size_t count) {
    const Span start = ProcessorTime();
    for (size_t i = 0; i < count; ++i) {
      ++next_;
      static_cast<void>(cache_.Find(IpAddress::FromV4(next_), Tick{next_}));
    }
    return ProcessorTime() - start;
  }
  void Clear() { cache_.Clear(); }
  [[nodiscard]] size_t size() const { return cache_.size(); }

 private:
  NeighbourCache cache_{
      {.ask = [](IpAddress, std::optional<MacAddress>) {}, .give_up = [](IpAddress) {}}};
  uint32_t next_ = 0x0A000000;
};

TEST(ManyNewNeighboursTest, CostAsMuchInAFullTableAsInASmallOne) {
  constexpr size_t kPackets = 64;
  Neighbours neighbours;
  Span in_small = Span::max();
  Span in_full = Span::max();
  for (int round = 0; round < 200; ++round) {  // the best of them, as interrupts count, too
    neighbours.Clear();
    in_small = std::min(in_small, neighbours.Meet(kPackets));
    neighbours.Meet(NeighbourCache::kMost);
    in_full = std::min(in_full, neighbours.Meet(kPackets));
  }
  EXPECT_EQ(neighbours.size(), NeighbourCache::kMost);
  // One leaves for each that comes, and the table is deeper.
  EXPECT_LT(in_full, 6 * in_small);
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
