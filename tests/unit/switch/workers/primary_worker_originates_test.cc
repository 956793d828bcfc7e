// What the switch sends by itself: probes for loops, and answers for neighbours.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <vector>

#include "tests/support/neighbour_frames.h"
#include "tests/support/primary_worker_fixture.h"

namespace tapswitch::primary_worker_originates_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using WorkerOriginatesTest = WorkerTest;

// The frames that were written, without their virtio-net header.
std::vector<Bytes> Frames(FakeRing& ring) {
  std::vector<Bytes> frames;
  for (const auto& written : ring.written()) {
    frames.emplace_back(written.bytes.begin() + kVirtioNetHeaderSize, written.bytes.end());
  }
  ring.ClearWritten();
  return frames;
}

TEST_F(WorkerOriginatesTest, ProbesAreSentOnceAPeriodAndCounted) {
  worker_.SetLoopDetection({.period = {200}});
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(0, 1, 2));
  EXPECT_EQ(worker_.lane().counters({0}).sent.frames, 1U);
  EXPECT_EQ(worker_.lane().counters({0}).sent.bytes, kLoopProbeSize);
  ASSERT_TRUE(ring_.timeouts().back().has_value());
  EXPECT_EQ(*ring_.timeouts().back(), std::chrono::seconds(2));
  Settle();
  EXPECT_THAT(WrittenTo(), IsEmpty());
  clock_.now = clock_.now + Ticks{200};
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(0, 1, 2));
  worker_.SetLoopDetection({});
  Settle();
  EXPECT_EQ(ring_.timeouts().back(), std::nullopt);
}

TEST_F(WorkerOriginatesTest, OnePortOfALoopIsShutDownUntilItsTimeHasCome) {
  std::vector<Alarm> alarms;
  std::vector<PortId> recovered;
  worker_.set_on_alarm([&](const Alarm& alarm) { alarms.push_back(alarm); });
  worker_.set_on_recovery([&](PortId port) { recovered.push_back(port); });
  worker_.loop_detector().SetSender({.bridge = Station(99), .key = {}});
  worker_.SetLoopDetection({.period = {200}, .recovery = {1000}});
  Settle();
  const auto probes = ring_.written();
  ring_.ClearWritten();
  ASSERT_EQ(probes.size(), 3U);

  ring_.Arrive({2}, probes[1].bytes);  // both ways
  ring_.Arrive({1}, probes[2].bytes);
  Settle();
  EXPECT_THAT(alarms, ElementsAre(Alarm{.kind = Alarm::Kind::kLoop,
                                        .port = {2},
                                        .other = {1},
                                        .shut_down = true,
                                        .recovery = {1000}}));
  EXPECT_EQ(worker_.EffectiveState({2}), PortState::kDisabled);
  EXPECT_EQ(worker_.EffectiveState({1}), PortState::kForwarding);
  EXPECT_THAT(WrittenTo(), IsEmpty()) << "probes are consumed";
  EXPECT_EQ(worker_.lane().counters({2}).dropped(DropReason::kLoopProbe), 1U);
  EXPECT_EQ(worker_.lane().counters({1}).dropped(DropReason::kLoopProbe), 1U);

  clock_.now = clock_.now + Ticks{999};
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(0, 1)) << "no probe by a port that does not forward";
  clock_.now = clock_.now + Ticks{1};
  Settle();
  EXPECT_THAT(recovered, ElementsAre(PortId{2}));
  EXPECT_EQ(worker_.EffectiveState({2}), PortState::kForwarding);
}

TEST_F(WorkerOriginatesTest, ADownPortIsNotProbed) {
  SetLink(1, false);
  worker_.SetLoopDetection({.period = {200}});
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(0, 2));
  EXPECT_EQ(worker_.lane().counters({1}).dropped(DropReason::kLinkDown), 0U);
}

TEST_F(WorkerOriginatesTest, AnswersForNeighboursLeaveByThePortOfTheQuestion) {
  worker_.SetForwarding({.id = {1}, .neigh_suppress = true});
  worker_.SetForwarding({.id = {2}, .neigh_suppress = true});
  worker_.Turn();
  const auto wire = [](const ArpFrame& arp) {
    Bytes bytes(kVirtioNetHeaderSize);
    const Bytes frame = arp.Build();
    bytes.insert(bytes.end(), frame.begin(), frame.end());
    return bytes;
  };
  ring_.Arrive({1}, wire({.source = Station(2), .sender = 0x0A000002, .target = 0x0A000002}));
  Settle();
  ring_.ClearWritten();
  ring_.Arrive({0}, wire({.source = Station(1), .sender = 0x0A000001, .target = 0x0A000002}));
  Settle();
  ASSERT_EQ(ring_.written().size(), 1U);
  EXPECT_EQ(ring_.written()[0].file, FileSlot{0});
  EXPECT_THAT(Frames(ring_), ElementsAre(ArpFrame{.destination = Station(1),
                                                  .source = Station(2),
                                                  .operation = 2,
                                                  .sender = 0x0A000002,
                                                  .target_mac = Station(1),
                                                  .target = 0x0A000001}
                                             .Build()));
  const PortCounters& counters = worker_.lane().counters({0});
  EXPECT_EQ(counters.dropped(DropReason::kNeighbourAnswered), 1U);
  EXPECT_EQ(counters.received.frames, counters.forwarded + 1);
  EXPECT_EQ(counters.sent.bytes, 42U + 42U) << "the announcement, and the answer";
  EXPECT_EQ(worker_.protocols().neighbours.answered, 1U);
  EXPECT_EQ(worker_.protocols().neighbour_entries, 2U);
}

}  // namespace
}  // namespace tapswitch::primary_worker_originates_test
