#include "switch/workers/receive_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace tapswitch::receive_limits_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr PortId kQuiet{1};
constexpr PortId kFlooding{2};
constexpr uint16_t kFirstEgress = 10;
constexpr uint16_t kEgressPorts = 600;

class ReceiveLimitsTest : public ::testing::Test {
 protected:
  ReceiveLimitsTest() {
    for (uint16_t i = 0; i < kEgressPorts; ++i)
      egress_.AddPort({static_cast<uint16_t>(kFirstEgress + i)});
  }

  // Frames of one port in the next turn, with so many copies each.
  void Bring(PortId port, size_t frames, size_t copies) {
    for (size_t i = 0; i < frames; ++i) {
      const auto index = static_cast<uint16_t>(frames_.size());
      frames_.push_back({.wire = {}, .ingress = port, .needed = {}, .offload = {}});
      for (size_t to = 0; to < copies; ++to) {
        egress_.Append({static_cast<uint16_t>(kFirstEgress + to)}, {.frame = index});
      }
    }
  }

  // Returns the ports whose limit the turn changed.
  std::vector<uint16_t> Turn() {
    std::vector<uint16_t> changed;
    limits_.Update(frames_, egress_, now_).ForEach([&](PortId id) { changed.push_back(id.value); });
    frames_.clear();
    egress_.Clear();
    return changed;
  }

  // A turn that has the flooding port limited.
  void FloodBesideAnother(size_t copies) {
    Bring(kQuiet, 1, 1);
    Bring(kFlooding, 32, copies);
    Turn();
  }

  Tick now_{1000};
  std::vector<Frame> frames_;
  EgressLists egress_;
  ReceiveLimits limits_;
};

TEST_F(ReceiveLimitsTest, FramesToOnePortEachAreNeverLimited) {
  Bring(kQuiet, 100, 1);
  Bring(kFlooding, 100, 1);
  EXPECT_THAT(Turn(), IsEmpty());
  EXPECT_EQ(limits_.of(kQuiet), ReceiveLimits::kUnlimited);
}

TEST_F(ReceiveLimitsTest, FewFloodedFramesAreNotLimited) {
  Bring(kQuiet, 1, 1);
  Bring(kFlooding, 1, ReceiveLimits::kCopiesPerTurn - 1);
  EXPECT_THAT(Turn(), IsEmpty());
}

TEST_F(ReceiveLimitsTest, APortThatIsAloneIsNotLimited) {
  Bring(kFlooding, 32, kEgressPorts);
  EXPECT_THAT(Turn(), IsEmpty());
}

TEST_F(ReceiveLimitsTest, OnlyThePortThatFloodsIsLimitedToWhatItsCopiesCost) {
  Bring(kQuiet, 32, 1);
  Bring(kFlooding, 32, 8);
  EXPECT_THAT(Turn(), ElementsAre(kFlooding.value));
  EXPECT_EQ(limits_.of(kQuiet), ReceiveLimits::kUnlimited);
  EXPECT_EQ(limits_.of(kFlooding), ReceiveLimits::kCopiesPerTurn / 8);
}

TEST_F(ReceiveLimitsTest, AFrameATurnIsAlwaysAllowed) {
  FloodBesideAnother(kEgressPorts);
  EXPECT_EQ(limits_.of(kFlooding), 1U);
}

TEST_F(ReceiveLimitsTest, ALimitStandsForSomeTimeWhileThePortFloods) {
  FloodBesideAnother(8);
  now_ = now_ + Ticks{ReceiveLimits::kMemory.centiseconds - 1};
  Bring(kFlooding, limits_.of(kFlooding), 8);
  EXPECT_THAT(Turn(), IsEmpty());
  EXPECT_EQ(limits_.of(kFlooding), ReceiveLimits::kCopiesPerTurn / 8);
}

TEST_F(ReceiveLimitsTest, ALimitGoesOnceTheOthersAreSilent) {
  FloodBesideAnother(8);
  now_ = now_ + ReceiveLimits::kMemory;
  Bring(kFlooding, limits_.of(kFlooding), 8);
  EXPECT_THAT(Turn(), ElementsAre(kFlooding.value));
  EXPECT_EQ(limits_.of(kFlooding), ReceiveLimits::kUnlimited);
}

TEST_F(ReceiveLimitsTest, ALimitAtMostDoublesInATurnAndGoesInTheEnd) {
  FloodBesideAnother(8);
  std::vector<size_t> limits;
  for (int turn = 0; turn < 8; ++turn) {
    Bring(kFlooding, 2, 1);
    Turn();
    limits.push_back(limits_.of(kFlooding));
  }
  EXPECT_THAT(limits, ElementsAre(4, 8, 16, 32, 64, 128, 256, 256));
  EXPECT_EQ(limits.back(), ReceiveLimits::kUnlimited);
}

TEST_F(ReceiveLimitsTest, APortThatBringsNothingKeepsItsLimit) {
  FloodBesideAnother(8);
  Bring(kQuiet, 32, 1);
  EXPECT_THAT(Turn(), IsEmpty());
  EXPECT_EQ(limits_.of(kFlooding), ReceiveLimits::kCopiesPerTurn / 8);
}

}  // namespace
}  // namespace tapswitch::receive_limits_test
