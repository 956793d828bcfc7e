#include "switch/workers/bpdus/bpdu_pace.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "switch/protocol/stp/bpdu.h"
#include "switch/workers/primary_worker.h"
#include "tests/support/lone_worker.h"
#include "tests/support/tap_port_fixture.h"

namespace tapswitch::bpdu_pace_test {
namespace {

constexpr PortId kFlooding{1};
constexpr PortId kQuiet{2};

class BpduPaceTest : public testing::Test {
 protected:
  // A turn in which the port brings frames, BPDUs among them.
  bool IsPaced(PortId port, size_t frames, uint64_t bpdus) {
    const std::vector<Frame> batch(frames,
                                   Frame{.wire = {}, .ingress = port, .needed = {}, .offload = {}});
    counters_[port.value].Drop(DropReason::kBpdu, bpdus);
    return pace_.Update(PortSet::Of(port), batch, counters_, now_).contains(port);
  }

  Tick now_{1000};
  std::vector<PortCounters> counters_ = std::vector<PortCounters>(4);
  BpduPace pace_;
};

TEST_F(BpduPaceTest, WhatBridgesSendIsNeverPaced) {
  for (int second = 0; second < 100; ++second) {
    for (int neighbour = 0; neighbour < 30; ++neighbour) EXPECT_FALSE(IsPaced(kQuiet, 1, 1));
    now_ = now_ + Ticks{1};
  }
}

TEST_F(BpduPaceTest, AFloodIsReadUntilNothingWaits) {
  EXPECT_FALSE(IsPaced(kFlooding, 32, 32)) << "more may wait";
  EXPECT_FALSE(IsPaced(kFlooding, 32, 32));
  EXPECT_FALSE(IsPaced(kQuiet, 1, 1)) << "each port counts for itself";
  EXPECT_TRUE(IsPaced(kFlooding, 3, 3));
}

TEST_F(BpduPaceTest, NoMoreThanABoundIsReadInATick) {
  uint64_t read = 0;
  while (!IsPaced(kFlooding, 32, 32)) read += 32;
  EXPECT_EQ(read + 32, BpduPace::kMost);
}

TEST_F(BpduPaceTest, EachTickBeginsAnew) {
  EXPECT_TRUE(IsPaced(kFlooding, 1, BpduPace::kUnpaced));
  now_ = now_ + Ticks{1};
  EXPECT_FALSE(IsPaced(kFlooding, 1, 1));
}

TEST_F(BpduPaceTest, OtherFramesDoNotCount) {
  EXPECT_TRUE(IsPaced(kFlooding, 1, BpduPace::kUnpaced));
  EXPECT_FALSE(IsPaced(kFlooding, 1, 0)) << "a turn without BPDUs says nothing";
}

TEST_F(BpduPaceTest, CountersMayBeginAnew) {
  EXPECT_TRUE(IsPaced(kFlooding, 1, BpduPace::kUnpaced));
  counters_[kFlooding.value] = {};
  now_ = now_ + Ticks{1};
  EXPECT_FALSE(IsPaced(kFlooding, 1, 1));
}

class WoundClock final : public Clock {
 public:
  [[nodiscard]] Tick Now() const override { return now; }
  Tick now{1000};
};

// A worker whose port is flooded while there is a tree.
class BpduFloodTest : public testing::Test {
 protected:
  static constexpr FileSlot kFile{0};
  static constexpr size_t kFlood = 100;

  BpduFloodTest() {
    worker_.SetSpanningTree({.is_on = true});
    std::unique_ptr<Port> port = std::make_unique<TapPort>(
        PortIdentity{.id = kPort,
                     .generation = kGeneration,
                     .name = "vnet0",
                     .counters = &worker_.lane().counters(kPort)},
        FileDescriptor(), OffloadSet::All(), [] {
          return LinkEvent{.netns = kHost, .ifindex = 5, .name = "vnet0", .up = true, .mtu = 1500};
        });
    EXPECT_TRUE(worker_.AddPort(port, {.id = kPort}).ok());
    Turns(1);
  }

  void Turns(int count) {
    for (; count > 0; --count) worker_.Turn();
  }
  void Arrive(size_t bpdus) {
    const auto frame = stp::WriteBpdu({}, kAlice);
    for (; bpdus > 0; --bpdus) ring_.Arrive(kFile, Wire({frame.begin(), frame.end()}));
  }
  // BPDUs until the port is not read any more.
  void Flood() {
    Arrive(kFlood);
    Turns(10);
    ASSERT_EQ(ring_.waiting(kFile), 0U);
    ASSERT_FALSE(ring_.reading(kFile));
  }

  FakeRing ring_;
  WoundClock clock_;
  Bridge bridge_{{.capacity = 64, .ageing = {30000}, .salt = 5}};
  SharedBridge shared_{bridge_};
  LoneWorker worker_{ring_, clock_, bridge_, shared_};
};

TEST_F(BpduFloodTest, APortThatFloodsIsReadOnceATick) {
  Flood();
  Arrive(1);
  Turns(3);
  EXPECT_EQ(ring_.waiting(kFile), 1U);
  EXPECT_LE(ring_.timeouts().back(), std::chrono::milliseconds(10)) << "it is to be read again";
  clock_.now = clock_.now + Ticks{1};
  Turns(2);
  EXPECT_EQ(ring_.waiting(kFile), 0U);
  EXPECT_TRUE(ring_.reading(kFile)) << "the flood is over";
}

TEST_F(BpduFloodTest, APortThatSomebodyPausedIsTheirsToResume) {
  Flood();
  bool has_paused = false;
  ASSERT_TRUE(worker_.lane().PausePort(kPort, [&] { has_paused = true; }));
  clock_.now = clock_.now + Ticks{1};
  Turns(3);
  EXPECT_TRUE(has_paused);
  EXPECT_FALSE(ring_.reading(kFile));
  worker_.lane().ResumePort(kPort, kGeneration);
  EXPECT_TRUE(ring_.reading(kFile));
}

TEST_F(BpduFloodTest, APortCanBeRemovedMeanwhile) {
  Flood();
  bool is_removed = false;
  worker_.RemovePort(kPort, [&](std::unique_ptr<Port>) { is_removed = true; });
  clock_.now = clock_.now + Ticks{1};
  Turns(3);
  EXPECT_TRUE(is_removed);
}

}  // namespace
}  // namespace tapswitch::bpdu_pace_test
