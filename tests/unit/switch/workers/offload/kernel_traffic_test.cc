// The traffic that the kernel carries, as it is counted: by port and VLAN, and with what an
// interface has dropped, of which the kernel tells only how much that is in all.

#include "switch/workers/offload/kernel_traffic.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <optional>
#include <random>
#include <vector>

namespace tapswitch::kernel_traffic_test {
namespace {

constexpr PortId kA{0};
constexpr PortId kB{1};
constexpr VlanId kTen{10};
constexpr int kInterface = 7;

class KernelTrafficTest : public testing::Test {
 protected:
  KernelTrafficTest() : cells_(TAPSWITCH_MOST_CELLS), from_(Cell(kA)), to_(Cell(kB)) {}

  [[nodiscard]] uint32_t Cell(PortId port, VlanId vlan = kNoVlan) {
    return traffic_.CellOf(vlan, port).value();
  }

  // The kernel carries frames from A to B.
  void Carry(uint64_t frames, uint64_t size = 100) {
    Carry(cells_[from_], cells_[to_], frames, size);
  }
  static void Carry(FlowCell& from, FlowCell& to, uint64_t frames, uint64_t size) {
    from.received_frames += frames;
    from.received_bytes += frames * size;
    to.sent_frames += frames;
    to.sent_bytes += frames * size;
    to.forwarded_bytes += frames * size;
  }

  [[nodiscard]] PortTraffic Read(PortId port) { return traffic_.Read()[port]; }

  std::vector<FlowCell> cells_;
  std::map<int, uint64_t> dropped_{{kInterface, 0}};  // by the interfaces that there are
  KernelTraffic traffic_{{.cell = [this](uint32_t number) { return cells_[number]; },
                          .tx_dropped = [this](int ifindex) -> std::optional<uint64_t> {
                            const auto found = dropped_.find(ifindex);
                            if (found == dropped_.end()) return std::nullopt;
                            return found->second;
                          }}};
  uint32_t from_;
  uint32_t to_;
};

// ---- Cells

TEST_F(KernelTrafficTest, APortHasOneCellInEachVlan) {
  EXPECT_NE(from_, to_);
  EXPECT_NE(Cell(kA, kTen), from_);
  EXPECT_EQ(Cell(kA), from_);
  EXPECT_EQ(Cell(kA, kTen), Cell(kA, kTen));
}

TEST_F(KernelTrafficTest, ThereIsRoomForAsManyCellsAsInTheKernel) {
  for (uint32_t i = 2; i < TAPSWITCH_MOST_CELLS; ++i) {
    const VlanId vlan{static_cast<uint16_t>(i % kVlanCount)};
    ASSERT_TRUE(traffic_.CellOf(vlan, {static_cast<uint16_t>(2 + i / kVlanCount)}).has_value());
  }
  EXPECT_EQ(traffic_.CellOf(kTen, PortId{100}), std::nullopt);
  EXPECT_EQ(traffic_.CellOf(kNoVlan, kA), from_) << "those that there are stay";
}

TEST_F(KernelTrafficTest, WhatAnEarlierProcessCountedInACellIsNotShown) {
  Carry(cells_[2], cells_[3], 50, 100);
  ASSERT_EQ(Cell(kA, kTen), 2U);
  ASSERT_EQ(Cell(kB, kTen), 3U);
  EXPECT_EQ(Read(kA).received, FrameCounter{});
  EXPECT_EQ(traffic_.ReadVlan(kTen, kA), VlanCounters{});
  Carry(cells_[2], cells_[3], 1, 100);
  EXPECT_EQ(Read(kA).received, (FrameCounter{.frames = 1, .bytes = 100}));
  EXPECT_EQ(traffic_.ReadVlan(kTen, kA).received, (FrameCounter{.frames = 1, .bytes = 100}));
}

TEST_F(KernelTrafficTest, AllVlansOfAPortAreItsTraffic) {
  const uint32_t from = Cell(kA, kTen);
  const uint32_t to = Cell(kB, kTen);
  Carry(3);
  Carry(cells_[from], cells_[to], 2, 60);
  EXPECT_EQ(Read(kA).received, (FrameCounter{.frames = 5, .bytes = 420}));
  EXPECT_EQ(Read(kB).sent, (FrameCounter{.frames = 5, .bytes = 420}));
  EXPECT_EQ(traffic_.ReadVlan(kTen, kB).sent, (FrameCounter{.frames = 2, .bytes = 120}));
  EXPECT_EQ(traffic_.ReadVlan(kNoVlan, kB).sent, (FrameCounter{.frames = 3, .bytes = 300}));
}

TEST_F(KernelTrafficTest, APortThatTakesTheIdOfAnotherBeginsAtNothing) {
  traffic_.SetInterface(kB, kInterface, 0);
  Carry(10);
  dropped_[kInterface] = 4;
  EXPECT_EQ(Read(kB).egress_drops, 4U);
  traffic_.Clear(kA);
  traffic_.Clear(kB);
  traffic_.SetInterface(kB, kInterface, 4);
  EXPECT_EQ(Read(kA).received, FrameCounter{});
  EXPECT_EQ(Read(kB).sent, FrameCounter{});
  EXPECT_EQ(Read(kB).egress_drops, 0U);
  EXPECT_EQ(traffic_.ReadVlan(kNoVlan, kA), VlanCounters{});
  Carry(1);
  EXPECT_EQ(Read(kB).sent.frames, 1U);
}

// ---- Identities

// As they are shown: with what the switch itself has counted.
PortCounters Shown(const PortTraffic& traffic, PortCounters counters = {}) {
  traffic.AddTo(counters);
  return counters;
}

uint64_t Dropped(const PortCounters& counters, bool at_egress) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kDropReasonCount; ++i) {
    if (kDropReasons[i].at_egress == at_egress) sum += counters.drops[i];
  }
  return sum;
}

TEST_F(KernelTrafficTest, WhatWasReceivedWasForwardedOrDropped) {
  Carry(10);
  cells_[from_].drained = 3;
  const PortCounters counters =
      Shown(Read(kA), {.received = {.frames = 5, .bytes = 500}, .forwarded = 5});
  EXPECT_EQ(counters.received.frames, 18U);
  EXPECT_EQ(counters.received.bytes, 1500U) << "the bytes of what was drained are not known";
  EXPECT_EQ(counters.forwarded, 15U);
  EXPECT_EQ(counters.dropped(DropReason::kReceiveQueueFull), 3U);
  EXPECT_EQ(counters.received.frames, counters.forwarded + Dropped(counters, false));
}

TEST_F(KernelTrafficTest, WhatWasForwardedWasSentOrDropped) {
  traffic_.SetInterface(kB, kInterface, 0);
  Carry(10);
  cells_[to_].failed = 2;
  dropped_[kInterface] = 3;
  const PortCounters counters = Shown(Read(kB));
  EXPECT_EQ(counters.sent.frames, 5U);
  EXPECT_EQ(counters.dropped(DropReason::kNoMemory), 2U);
  EXPECT_EQ(counters.dropped(DropReason::kEgressQueueFull), 3U);
  EXPECT_EQ(counters.sent.frames + Dropped(counters, true), Shown(Read(kA)).forwarded);
}

// ---- Frames whose tag could not be changed

TEST_F(KernelTrafficTest, TheBytesOfFramesThatFailedWereNotSentEither) {
  Carry(10);
  cells_[to_].failed = 4;
  EXPECT_EQ(Read(kB).sent, (FrameCounter{.frames = 6, .bytes = 600}));
  cells_[to_].failed = 10;
  EXPECT_EQ(Read(kB).sent, FrameCounter{});
}

// The programs go on while the numbers are read, one by one.
TEST_F(KernelTrafficTest, AFrameThatFailsMeanwhileTakesNothingFromNothing) {
  cells_[to_].failed = 1;
  EXPECT_EQ(Read(kB).sent, FrameCounter{});
  EXPECT_EQ(Read(kB).no_memory, 0U);
  Carry(1);
  EXPECT_EQ(Read(kB).sent, FrameCounter{});
  EXPECT_EQ(Read(kB).no_memory, 1U);
}

// ---- What an interface drops

TEST_F(KernelTrafficTest, WhatAnInterfaceHadDroppedBeforeIsNotTheKernels) {
  dropped_[kInterface] = 1000;
  traffic_.SetInterface(kB, kInterface, 1000);
  Carry(10);
  EXPECT_EQ(Read(kB).egress_drops, 0U);
  dropped_[kInterface] = 1001;
  Carry(1);
  EXPECT_EQ(Read(kB).egress_drops, 1U);
}

TEST_F(KernelTrafficTest, WithoutKnowingThatTheFirstLookIsTheBeginning) {
  dropped_[kInterface] = 1000;
  traffic_.SetInterface(kB, kInterface, std::nullopt);
  Carry(10);
  EXPECT_EQ(Read(kB).egress_drops, 0U);
  dropped_[kInterface] = 1002;
  Carry(5);
  EXPECT_EQ(Read(kB).egress_drops, 2U);
}

// The switch counts by itself what was dropped of what it has sent.
TEST_F(KernelTrafficTest, WhatWasDroppedWhileTheKernelSentNothingIsNotTheKernels) {
  traffic_.SetInterface(kB, kInterface, 0);
  Carry(10);
  EXPECT_EQ(Read(kB).egress_drops, 0U);
  dropped_[kInterface] = 500;
  EXPECT_EQ(Read(kB).egress_drops, 0U);
  Carry(1000);
  EXPECT_EQ(Read(kB).egress_drops, 0U);
  EXPECT_EQ(Read(kB).sent.frames, 1010U);
  dropped_[kInterface] = 600;
  Carry(30);
  EXPECT_EQ(Read(kB).egress_drops, 30U) << "no more than was sent";
}

TEST_F(KernelTrafficTest, OfFramesThatWereAllDroppedNoByteWasSent) {
  traffic_.SetInterface(kB, kInterface, 0);
  Carry(1, 60);
  Carry(1, 1514);
  Carry(1, 62);
  dropped_[kInterface] = 3;
  EXPECT_EQ(Read(kB).sent, FrameCounter{});
}

TEST_F(KernelTrafficTest, AnotherInterfaceGoesOnFromWhatTheEarlierOneHadDropped) {
  traffic_.SetInterface(kB, kInterface, 0);
  Carry(10);
  dropped_[kInterface] = 2;
  EXPECT_EQ(Read(kB).egress_drops, 2U);
  dropped_.erase(kInterface);
  EXPECT_EQ(Read(kB).egress_drops, 2U) << "it is gone";
  dropped_[kInterface + 1] = 70;
  traffic_.SetInterface(kB, kInterface + 1, 70);
  Carry(10);
  EXPECT_EQ(Read(kB).egress_drops, 2U);
  dropped_[kInterface + 1] = 73;
  Carry(10);
  EXPECT_EQ(Read(kB).egress_drops, 5U);
  EXPECT_EQ(Read(kB).sent.frames, 25U);
}

// Who reads counters takes one that goes back for a new start.
TEST_F(KernelTrafficTest, CountersNeverGoBack) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  traffic_.SetInterface(kB, kInterface, 0);
  PortTraffic before;
  for (int step = 0; step < 2000; ++step) {
    const uint64_t frames = random() % 5;
    Carry(frames, 60 + random() % 1500);
    // Some by the kernel, some of what the switch has sent.
    if (random() % 3 == 0) dropped_[kInterface] += random() % 5;
    const PortTraffic now = Read(kB);
    ASSERT_GE(now.sent.frames, before.sent.frames);
    ASSERT_GE(now.sent.bytes, before.sent.bytes);
    ASSERT_GE(now.egress_drops, before.egress_drops);
    ASSERT_EQ(now.sent.frames + now.egress_drops, cells_[to_].sent_frames);
    before = now;
  }
  EXPECT_GT(before.egress_drops, 0U);
  EXPECT_GT(before.sent.frames, 0U);
}

// ---- VLANs

TEST_F(KernelTrafficTest, AVlanCountsFramesAsTheyCameAndWhetherOrNotTheyCouldBeSent) {
  const uint32_t to = Cell(kB, kTen);
  cells_[to].sent_frames = 5;
  cells_[to].sent_bytes = 320;
  cells_[to].forwarded_bytes = 300;
  cells_[to].failed = 2;
  EXPECT_EQ(traffic_.ReadVlan(kTen, kB).sent, (FrameCounter{.frames = 5, .bytes = 300}));
}

// A view in which both ports are members of VLAN 10, or only B is.
ForwardingView ViewWith(bool is_member) {
  std::array<PortForwarding, 2> ports{PortForwarding{.id = kA}, PortForwarding{.id = kB}};
  if (is_member) ports[0].vlans.members.insert(kTen);
  ports[1].vlans.members.insert(kTen);
  return ForwardingView(ports, {.vlan_filtering = true});
}

TEST_F(KernelTrafficTest, APortThatComesBackToAVlanBeginsAtNothing) {
  const uint32_t from = Cell(kA, kTen);
  const uint32_t to = Cell(kB, kTen);
  Carry(cells_[from], cells_[to], 10, 100);
  traffic_.FollowMembers(ViewWith(true));
  EXPECT_EQ(traffic_.ReadVlan(kTen, kA).received.frames, 10U);
  traffic_.FollowMembers(ViewWith(false));
  traffic_.FollowMembers(ViewWith(true));
  EXPECT_EQ(traffic_.ReadVlan(kTen, kA), VlanCounters{});
  EXPECT_EQ(Cell(kA, kTen), from);
  EXPECT_EQ(traffic_.ReadVlan(kTen, kA), VlanCounters{});
  Carry(cells_[from], cells_[to], 1, 100);
  EXPECT_EQ(traffic_.ReadVlan(kTen, kA).received, (FrameCounter{.frames = 1, .bytes = 100}));
  EXPECT_EQ(traffic_.ReadVlan(kTen, kB).sent.frames, 11U) << "which has stayed";
  EXPECT_EQ(Read(kA).received.frames, 11U) << "the port itself has never left";
}

}  // namespace
}  // namespace tapswitch::kernel_traffic_test
