// Frames that are held, cut, doubled and changed by an impaired direction of a port.

#include "switch/forwarding/impairment/impaired_direction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

namespace tapswitch::impaired_direction_test {
namespace {

using Bytes = std::vector<std::byte>;

constexpr FrameShare kAll{FrameShare::kWhole};

// A frame with its virtio-net header, of `payload` bytes that say `mark`.
Bytes WireOf(std::byte mark, size_t payload = 100) {
  Bytes wire(kVirtioNetHeaderSize + kEthernetHeaderSize + payload, mark);
  std::fill_n(wire.begin(), kVirtioNetHeaderSize, std::byte{0});
  wire[kVirtioNetHeaderSize + kTypeOffset] = std::byte{0x08};
  wire[kVirtioNetHeaderSize + kTypeOffset + 1] = std::byte{0x00};
  return wire;
}

AdmittedFrame Admit(ImpairedDirection& direction, const Bytes& wire, Nanoseconds now) {
  const Piece whole{wire.data(), wire.size()};
  return direction.Admit({.pieces = {&whole, 1}, .size = wire.size() - kVirtioNetHeaderSize}, now);
}

ImpairmentPlan PlanOf(const ImpairmentSettings& settings, uint32_t limit = 0) {
  return {.is_set = true, .settings = settings, .limit = limit, .seed = 3};
}

// The marks of what is due.
std::vector<int> Due(ImpairedDirection& direction, Nanoseconds now) {
  std::vector<int> marks;
  while (const HeldFrame* const frame = direction.held().TakeDue(now)) {
    marks.push_back(std::to_integer<int>(frame->wire.back()));
  }
  direction.held().FreeTaken();
  return marks;
}

TEST(ImpairedDirectionTest, HoldsFramesUntilTheyAreDueInTheirOrder) {
  ImpairedDirection direction(PlanOf({.delay = {.delay = 100}}), 0);
  Admit(direction, WireOf(std::byte{1}), 0);
  Admit(direction, WireOf(std::byte{2}), 0);
  Admit(direction, WireOf(std::byte{3}), 50);
  EXPECT_EQ(direction.held().next_release(), 100U);
  EXPECT_EQ(Due(direction, 99), std::vector<int>());
  EXPECT_EQ(Due(direction, 100), (std::vector{1, 2}));
  EXPECT_EQ(direction.held().size(), 1U);
  EXPECT_EQ(Due(direction, 150), std::vector{3});
  EXPECT_EQ(direction.held().next_release(), kNoMoment);
}

TEST(ImpairedDirectionTest, DropsWhatIsBeyondTheLimit) {
  ImpairedDirection direction(PlanOf({.delay = {.delay = 100}}, 2), 0);
  Admit(direction, WireOf(std::byte{1}), 0);
  Admit(direction, WireOf(std::byte{2}), 0);
  EXPECT_EQ(Admit(direction, WireOf(std::byte{3}), 0).over_limit, 1);
  EXPECT_EQ(direction.counters().over_limit, 1U);
  EXPECT_EQ(Due(direction, 100), (std::vector{1, 2}));
  EXPECT_EQ(Admit(direction, WireOf(std::byte{4}), 100).over_limit, 0) << "there is room again";
}

TEST(ImpairedDirectionTest, FramesThatAreDueAtOnceDoNotCountTowardsTheLimit) {
  ImpairedDirection direction(PlanOf({.loss = {.random = {1}}}, 1), 0);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Admit(direction, WireOf(std::byte{1}), 0).over_limit, 0);
  }
  EXPECT_EQ(Due(direction, 0).size(), 100U);
}

TEST(ImpairedDirectionTest, HoldsLongFramesAndOnesOfAnySizeAgainAndAgain) {
  ImpairedDirection direction(PlanOf({.delay = {.delay = 1}}, 4), 0);
  for (Nanoseconds now = 0; now < 10'000; now += 2) {
    const size_t size = (now * 7919) % 65'000;
    const Bytes wire = WireOf(std::byte{9}, size + 1);
    ASSERT_EQ(Admit(direction, wire, now).over_limit, 0) << size;
    const HeldFrame* const frame = direction.held().TakeDue(now + 1);
    ASSERT_NE(frame, nullptr);
    EXPECT_TRUE(std::ranges::equal(frame->wire, wire));
    direction.held().FreeTaken();
  }
}

TEST(ImpairedDirectionTest, ReleasesAllAtOnceWhenItEnds) {
  ImpairedDirection direction(PlanOf({.delay = {.delay = 1000}}), 0);
  Admit(direction, WireOf(std::byte{1}), 0);
  Admit(direction, WireOf(std::byte{2}), 0);
  direction.held().MakeAllDue();
  EXPECT_EQ(Due(direction, 0), (std::vector{1, 2}));
  Admit(direction, WireOf(std::byte{3}), 0);
  EXPECT_EQ(Due(direction, 0), std::vector<int>()) << "that was about what was held";
}

TEST(ImpairedDirectionTest, DoublesFrames) {
  ImpairedDirection direction(PlanOf({.duplicate = kAll}), 0);
  EXPECT_EQ(Admit(direction, WireOf(std::byte{1}), 0).came, 2);
  EXPECT_EQ(Due(direction, 0), (std::vector{1, 1}));
  EXPECT_EQ(direction.counters().duplicated, 1U);
}

// So that captures can say so of each.
TEST(ImpairedDirectionTest, HeldFramesKnowWhatWasDoneToThem) {
  ImpairedDirection doubling(PlanOf({.duplicate = kAll}), 0);
  Admit(doubling, WireOf(std::byte{1}), 0);
  EXPECT_FALSE(doubling.held().TakeDue(0)->is_copy);
  EXPECT_TRUE(doubling.held().TakeDue(0)->is_copy);
  doubling.held().FreeTaken();
  ImpairedDirection corrupting(PlanOf({.corrupt = kAll}), 0);
  EXPECT_TRUE(Admit(corrupting, WireOf(std::byte{1}), 0).is_corrupt);
  EXPECT_TRUE(corrupting.held().TakeDue(0)->is_changed);
  corrupting.held().FreeTaken();
  EXPECT_FALSE(Admit(corrupting, WireOf(std::byte{1}, 0), 0).is_corrupt) << "it has no payload";
}

TEST(ImpairedDirectionTest, FlipsOneBitBehindTheHeader) {
  ImpairedDirection direction(PlanOf({.corrupt = kAll}), 0);
  const Bytes wire = WireOf(std::byte{1});
  EXPECT_TRUE(Admit(direction, wire, 0).is_corrupt);
  const HeldFrame* const frame = direction.held().TakeDue(0);
  ASSERT_NE(frame, nullptr);
  int flipped = 0;
  for (size_t i = 0; i < wire.size(); ++i) {
    const auto difference = std::to_integer<unsigned>(wire[i] ^ frame->wire[i]);
    flipped += std::popcount(difference);
    if (i < kVirtioNetHeaderSize + kEthernetHeaderSize) {
      EXPECT_EQ(difference, 0U);
    }
  }
  EXPECT_EQ(flipped, 1);
}

TEST(ImpairedDirectionTest, LeavesAFrameThatIsNothingButHeaderAlone) {
  ImpairedDirection direction(PlanOf({.corrupt = kAll}), 0);
  const Bytes wire = WireOf(std::byte{1}, 0);
  Admit(direction, wire, 0);
  EXPECT_TRUE(std::ranges::equal(direction.held().TakeDue(0)->wire, wire));
  EXPECT_EQ(direction.counters().corrupted, 0U);
}

// A checksum that is unfinished would cover the flipped bit.
TEST(ImpairedDirectionTest, FinishesTheChecksumOfAFrameBeforeItIsChanged) {
  ImpairedDirection direction(PlanOf({.corrupt = kAll}), 0);
  const Bytes wire = WireOf(std::byte{1});
  const VirtioNetHeader offload{.needs_checksum = true, .checksum_start = 20, .checksum_offset = 6};
  const Piece whole{wire.data(), wire.size()};
  direction.Admit({.pieces = {&whole, 1},
                   .size = wire.size() - kVirtioNetHeaderSize,
                   .needed = {static_cast<uint8_t>(Offload::kChecksum)},
                   .offload = offload},
                  0);
  const HeldFrame* const frame = direction.held().TakeDue(0);
  EXPECT_EQ(frame->offload, VirtioNetHeader());
  EXPECT_EQ(frame->needed, OffloadSet());
}

TEST(ImpairedDirectionTest, AppliesToTheVlanOrTheStationThatIsNamed) {
  const auto station = MacAddress::FromNumber(0x020000000001);
  const auto other = MacAddress::FromNumber(0x020000000002);
  const EthernetHeader header{.destination = other, .source = station};
  EthernetHeader tagged = header;
  tagged.tag = VlanTag{.control = 10};
  ImpairmentPlan plan = PlanOf({.loss = {.random = kAll}});
  EXPECT_TRUE(ImpairedDirection(plan, 0).Applies(header, kNoVlan));
  plan.match = {.vlan = VlanId{10}};
  EXPECT_TRUE(ImpairedDirection(plan, 0).Applies(header, VlanId{10}));
  EXPECT_FALSE(ImpairedDirection(plan, 0).Applies(header, VlanId{11}));
  EXPECT_TRUE(ImpairedDirection(plan, 0).Applies(tagged, kNoVlan));
  EXPECT_FALSE(ImpairedDirection(plan, 0).Applies(header, kNoVlan));
  plan.match = {.mac = station};
  EXPECT_TRUE(ImpairedDirection(plan, 0).Applies(header, kNoVlan)) << "as the source";
  plan.match = {.mac = other};
  EXPECT_TRUE(ImpairedDirection(plan, 0).Applies(header, kNoVlan)) << "as the destination";
  plan.match = {.mac = MacAddress::FromNumber(0x020000000003)};
  EXPECT_FALSE(ImpairedDirection(plan, 0).Applies(header, kNoVlan));
}

}  // namespace
}  // namespace tapswitch::impaired_direction_test
