// The device's side of a ring, on plain memory. What drivers do wrong is in
// tests/net/vhost_hostile_test.cc.

#include "ports/vhost_user/virtqueue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/support/vhost_front_end.h"

namespace tapswitch::virtqueue_test {
namespace {

using Access = Virtqueue::Access;
constexpr uint64_t kGuest = SharedTestMemory::kGuest;
constexpr uint64_t kBuffer = kGuest + 0x20000;

class VirtqueueTest : public testing::Test {
 protected:
  static constexpr uint16_t kSize = 8;

  Virtqueue Make(Virtqueue::Features features = {.event_index = true, .indirect = true}) {
    return {kSize,
            {.descriptors = memory_.at(ring_.descriptors()),
             .available = memory_.at(ring_.available()),
             .used = memory_.at(ring_.used())},
            map_,
            features};
  }
  // The size of each piece of the next chain.
  std::vector<size_t> Take(Virtqueue& queue, Access access = Access::kRead) {
    pieces_.clear();
    EXPECT_GT(queue.Available(), 0);
    chain_ = queue.Take(access, pieces_);
    EXPECT_TRUE(chain_) << queue.fault();
    std::vector<size_t> sizes;
    for (const auto& piece : pieces_.all()) sizes.push_back(piece.size());
    return sizes;
  }

  SharedTestMemory memory_{size_t{1} << 20U};
  DriverRing ring_{memory_, 0, kSize};
  // The second region follows the first in the guest, but not here.
  MemoryMap map_{{{.guest = kGuest, .user = 0, .bytes = {memory_.at(0), 0x30000}},
                  {.guest = kGuest + 0x30000, .user = 0, .bytes = {memory_.at(0x80000), 0x1000}}}};
  BufferPieces pieces_;
  std::optional<Virtqueue::Chain> chain_;
};

TEST_F(VirtqueueTest, AChainIsTakenPieceByPiece) {
  Virtqueue queue = Make();
  EXPECT_EQ(queue.Available(), 0);
  ring_.Describe(3, {.address = kBuffer, .length = 12, .flags = DriverRing::kNext, .next = 1});
  ring_.Describe(1, {.address = kBuffer + 64, .length = 0, .flags = DriverRing::kNext, .next = 2});
  ring_.Describe(2, {.address = kBuffer + 64, .length = 60});
  ring_.Offer(3);
  EXPECT_EQ(Take(queue), (std::vector<size_t>{12, 60}));
  EXPECT_EQ(chain_->head, 3);
  EXPECT_EQ(chain_->bytes, 72U);
  EXPECT_EQ(queue.Available(), 0);
}

TEST_F(VirtqueueTest, ABufferMayLieInTwoRegions) {
  Virtqueue queue = Make();
  ring_.Describe(0, {.address = kGuest + 0x30000 - 8, .length = 20});
  ring_.Offer(0);
  EXPECT_EQ(Take(queue), (std::vector<size_t>{8, 12}));
  EXPECT_EQ(pieces_.all()[1].data(), memory_.at(0x80000));
}

TEST_F(VirtqueueTest, AnIndirectTableIsWalked) {
  Virtqueue queue = Make();
  const std::array<DriverRing::Descriptor, 2> table{
      DriverRing::Descriptor{.address = kBuffer, .length = 12, .flags = 1, .next = 1},
      DriverRing::Descriptor{.address = kBuffer, .length = 99}};
  std::memcpy(memory_.at(0x21000), table.data(), sizeof(table));
  ring_.Describe(0, {.address = kGuest + 0x21000, .length = 32, .flags = DriverRing::kIndirect});
  ring_.Offer(0);
  EXPECT_EQ(Take(queue), (std::vector<size_t>{12, 99}));
}

TEST_F(VirtqueueTest, UsedEntriesAreSeenOncePublished) {
  Virtqueue queue = Make();
  ring_.Describe(5, {.address = kBuffer, .length = 100, .flags = DriverRing::kWrite});
  ring_.Offer(5);
  Take(queue, Access::kWrite);
  queue.PushUsed(5, 42);
  EXPECT_EQ(ring_.used_index(), 0);
  EXPECT_TRUE(queue.Publish());
  EXPECT_EQ(ring_.used_index(), 1);
  EXPECT_EQ(ring_.UsedEntry(0), (std::pair<uint32_t, uint32_t>{5, 42}));
  EXPECT_FALSE(queue.Publish()) << "there was nothing new";
}

TEST_F(VirtqueueTest, ChainsThatWerePutBackAreTakenAgain) {
  Virtqueue queue = Make();
  ring_.Describe(0, {.address = kBuffer, .length = 7});
  ring_.Offer(0);
  Take(queue);
  queue.PutBack(1);
  EXPECT_EQ(Take(queue), std::vector<size_t>{7});
}

TEST_F(VirtqueueTest, TheGuestIsCalledWhenItsEventIsPassed) {
  Virtqueue queue = Make();
  const auto complete = [&](int count) {
    for (int i = 0; i < count; ++i) {
      ring_.Describe(0, {.address = kBuffer, .length = 7});
      ring_.Offer(0);
      Take(queue);
      queue.PushUsed(0, 0);
    }
    return queue.Publish();
  };
  const auto set_event = [&](uint16_t event) {
    std::memcpy(memory_.at(ring_.available() + 4 + size_t{2} * kSize), &event, sizeof(event));
  };
  set_event(2);
  EXPECT_FALSE(complete(2));
  EXPECT_TRUE(complete(1));
  EXPECT_FALSE(complete(3));
  set_event(7);
  EXPECT_TRUE(complete(4));
}

TEST_F(VirtqueueTest, WithoutAnEventIndexFlagsDecide) {
  Virtqueue queue = Make({.event_index = false, .indirect = true});
  queue.DisableKicks();
  EXPECT_EQ(ring_.used_flags(), 1);
  EXPECT_FALSE(queue.EnableKicks());
  EXPECT_EQ(ring_.used_flags(), 0);
  ring_.Describe(0, {.address = kBuffer, .length = 7});
  ring_.Offer(0);
  EXPECT_TRUE(queue.EnableKicks()) << "something came before it was asked to kick";
  Take(queue);
  queue.PushUsed(0, 0);
  constexpr uint16_t kNoInterrupt = 1;
  std::memcpy(memory_.at(ring_.available()), &kNoInterrupt, sizeof(kNoInterrupt));
  EXPECT_FALSE(queue.Publish());
}

TEST_F(VirtqueueTest, ItGoesOnWhereTheUsedRingEnds) {
  constexpr uint16_t kUsed = 65535;
  std::memcpy(memory_.at(ring_.used() + 2), &kUsed, sizeof(kUsed));
  Virtqueue queue = Make();
  EXPECT_EQ(queue.next(), kUsed);
  ring_.SetIndex(1);  // two more
  EXPECT_EQ(queue.Available(), 2);
}

// Whoever takes one chain has no more work than that of some fifty usual ones.
TEST_F(VirtqueueTest, AChainOfMoreThan1024DescriptorsBreaksIt) {
  constexpr uint16_t kLong = 1025;
  SharedTestMemory memory(size_t{1} << 20U);
  DriverRing ring(memory, 0, 2048);
  for (uint16_t i = 0; i < kLong; ++i) {
    const bool is_last = i + 1 == kLong;
    ring.Describe(i, {.address = kBuffer,
                      .length = 0,
                      .flags = is_last ? uint16_t{0} : DriverRing::kNext,
                      .next = static_cast<uint16_t>(i + 1)});
  }
  const MemoryMap map({{.guest = kGuest, .user = 0, .bytes = {memory.at(0), memory.size()}}});
  const auto take = [&](uint16_t head) {
    Virtqueue queue(2048,
                    {.descriptors = memory.at(ring.descriptors()),
                     .available = memory.at(ring.available()),
                     .used = memory.at(ring.used())},
                    map, {.event_index = true, .indirect = true});
    ring.SetEntry(0, head);
    ring.SetIndex(1);
    chain_ = queue.Take(Access::kRead, pieces_);
    return std::string(queue.fault());
  };
  EXPECT_EQ(take(1), "");
  EXPECT_EQ(chain_->steps, 1024);
  EXPECT_EQ(take(0), "a chain of descriptors has more than 1024");
}

// They come in any order, and up to thirty-two of them.
TEST_F(VirtqueueTest, AddressesAreFoundInManyRegions) {
  std::vector<MemoryMap::Region> regions;
  for (uint64_t i = 0; i < 32; ++i) {
    const uint64_t place = i * 7 % 32;
    regions.push_back({.guest = kGuest + place * 0x2000,
                       .user = 0,
                       .bytes = {memory_.at(place * 0x1000), 0x1000}});
  }
  const MemoryMap map(std::move(regions));
  size_t hint = 0;
  for (uint64_t place = 0; place < 32; ++place) {
    const auto bytes = map.FromGuest(kGuest + place * 0x2000 + 0xFFF, hint);
    ASSERT_EQ(bytes.size(), 1);
    EXPECT_EQ(bytes.data(), memory_.at(place * 0x1000 + 0xFFF));
    EXPECT_TRUE(map.FromGuest(kGuest + place * 0x2000 + 0x1000, hint).empty());
  }
  EXPECT_TRUE(map.FromGuest(kGuest - 1, hint).empty());
}

TEST_F(VirtqueueTest, ABrokenQueueStaysBroken) {
  Virtqueue queue = Make({.event_index = false, .indirect = false});
  ring_.Describe(0, {.address = kBuffer, .length = 16, .flags = DriverRing::kIndirect});
  ring_.Offer(0);
  pieces_.clear();
  ASSERT_EQ(queue.Available(), 1);
  EXPECT_FALSE(queue.Take(Access::kRead, pieces_));
  EXPECT_THAT(std::string(queue.fault()), testing::HasSubstr("not negotiated"));
  EXPECT_EQ(queue.Available(), 0);
}

}  // namespace
}  // namespace tapswitch::virtqueue_test
