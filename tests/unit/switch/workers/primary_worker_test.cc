// The loop, with real ports on a ring that injects faults, and a clock that a test winds.

#include "switch/workers/primary_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "ports/interface/netdev/netdev_port.h"
#include "tests/support/ip_packet.h"
#include "tests/support/primary_worker_fixture.h"

namespace tapswitch::primary_worker_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(WorkerTest, FloodsThenForwards) {
  ring_.Arrive({0}, Wire(Station(2), Station(1)));
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(1, 2));
  ring_.Arrive({1}, Wire(Station(1), Station(2)));
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(0));
}

TEST_F(WorkerTest, BytesPassUnchanged) {
  const Bytes wire = Wire(kBroadcastAddress, Station(1), 1514);
  ring_.Arrive({0}, wire);
  Settle();
  ASSERT_EQ(ring_.written().size(), 2U);
  EXPECT_EQ(ring_.written()[0].bytes, wire);
  EXPECT_EQ(ring_.written()[1].bytes, wire);
}

TEST_F(WorkerTest, FramesOfOneIngressLeaveInTheirOrder) {
  for (size_t size = 60; size < 90; ++size) {
    ring_.Arrive({0}, Wire(kBroadcastAddress, Station(1), size));
  }
  Settle();
  std::vector<size_t> sizes;
  for (const auto& written : ring_.written()) {
    if (written.file.value == 2) sizes.push_back(written.bytes.size() - kVirtioNetHeaderSize);
  }
  ASSERT_EQ(sizes.size(), 30U);
  EXPECT_TRUE(std::is_sorted(sizes.begin(), sizes.end()));
}

TEST_F(WorkerTest, MoreFramesThanBuffersAllArrive) {
  constexpr size_t kFrames = 1000;
  for (size_t i = 0; i < kFrames; ++i) ring_.Arrive({0}, Wire(Station(2), Station(1)));
  for (int turn = 0; ring_.waiting({0}) > 0 && turn < 1000; ++turn) worker_.Turn();
  Settle();
  EXPECT_EQ(ring_.written().size(), 2 * kFrames);
  EXPECT_EQ(worker_.lane().counters({0}).received.frames, kFrames);
  EXPECT_EQ(worker_.lane().counters({0}).forwarded, kFrames);
}

TEST_F(WorkerTest, AFullSubmissionQueueLosesNothing) {
  ring_.SetSubmissionEntries(3);
  for (int i = 0; i < 20; ++i) ring_.Arrive({0}, Wire(kBroadcastAddress, Station(1)));
  Settle();
  EXPECT_EQ(ring_.written().size(), 40U);
}

TEST_F(WorkerTest, AFullCompletionQueueLosesNothing) {
  ring_.SetCompletionRoom(4);
  for (int i = 0; i < 40; ++i) ring_.Arrive({0}, Wire(kBroadcastAddress, Station(1)));
  for (int turn = 0; turn < 100; ++turn) worker_.Turn();
  EXPECT_EQ(ring_.written().size(), 80U);
  EXPECT_GT(ring_.overflows(), 0U);
}

// Buffers of ports that rest are given back to the system. A frame that was received after the
// turn's Reap, as when a watch ended meanwhile, would have been handed on as zeros.
TEST_F(WorkerTest, PortsDoNotRestWhileTheRingHoldsAFrame) {
  constexpr int kWatched = 1000;
  const Tag tag{.operation = Operation::kReadiness};
  ring_.ReceiveAtUnwatch();
  Lane& lane = worker_.lane();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(lane.ReleaseIdleMemory());
  ASSERT_TRUE(ring_.Watch(kWatched, tag).ok());
  ring_.Arrive({0}, Wire(kBroadcastAddress, Station(1)));
  ring_.Unwatch(kWatched, tag);
  EXPECT_FALSE(lane.ReleaseIdleMemory());
  Settle();
  ASSERT_EQ(ring_.written().size(), 2U);
  EXPECT_EQ(ring_.written()[0].bytes, Wire(kBroadcastAddress, Station(1)));
  EXPECT_TRUE(lane.ReleaseIdleMemory());
}

TEST_F(WorkerTest, AnInterruptedWaitIsNoMoreThanThat) {
  ring_.Arrive({0}, Wire(kBroadcastAddress, Station(1)));
  ring_.Interrupt();
  worker_.Turn();
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(1, 2));
}

TEST_F(WorkerTest, AWriteThatFailsIsCountedAndStopsNobodyElse) {
  ring_.FailWrites({1}, ENOMEM);
  ring_.Arrive({0}, Wire(kBroadcastAddress, Station(1)));
  Settle();
  worker_.Turn();
  EXPECT_THAT(WrittenTo(), ElementsAre(2));
  EXPECT_EQ(worker_.lane().counters({1}).dropped(DropReason::kNoMemory), 1U);
  EXPECT_EQ(worker_.lane().counters({1}).sent.frames, 0U);
  EXPECT_EQ(worker_.lane().counters({2}).sent.frames, 1U);
}

TEST_F(WorkerTest, APortWhoseLinkGoesDownIsLeftOutAndItsStationsForgotten) {
  ring_.Arrive({1}, Wire(kBroadcastAddress, Station(2)));
  Settle();
  ring_.ClearWritten();
  SetLink(1, false);
  ring_.Arrive({0}, Wire(Station(2), Station(1)));
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(2)) << "unknown again, and not to the port that is down";
  SetLink(1, true);
  ring_.Arrive({0}, Wire(Station(2), Station(1)));
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(1, 2));
}

TEST_F(WorkerTest, ADeletedDeviceTakesOnlyItsOwnPortDown) {
  links_[0].up = false;
  ring_.FailRead({0}, EBADFD);
  Settle();
  EXPECT_FALSE(worker_.port({0})->status().link_up);
  ring_.Arrive({1}, Wire(kBroadcastAddress, Station(2)));
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(2));
}

TEST_F(WorkerTest, ACompletionForAPortOfThePastIsIgnored) {
  ring_.Complete(
      {.tag = {.operation = Operation::kRead, .port = {0}, .generation = 9}, .result = -ENOBUFS});
  ring_.Complete({.tag = {.operation = Operation::kRead, .port = {77}}, .result = -EBADFD});
  worker_.Turn();
  ring_.Arrive({0}, Wire(kBroadcastAddress, Station(1)));
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(1, 2));
}

TEST_F(WorkerTest, ReadinessGoesToItsHandler) {
  std::vector<uint32_t> slots;
  worker_.lane().set_on_readiness([&](uint32_t slot) { slots.push_back(slot); });
  ring_.Complete(
      {.tag = {.operation = Operation::kReadiness, .slot = 42}, .result = 1, .more = true});
  worker_.Turn();
  EXPECT_THAT(slots, ElementsAre(42U));
}

TEST_F(WorkerTest, SleepsWithoutALimitWhileNothingIsLearned) {
  worker_.Turn();
  EXPECT_EQ(ring_.timeouts().back(), std::nullopt);
}

TEST_F(WorkerTest, LooksForFramesBeforeItSleepsIfAsked) {
  constexpr std::chrono::nanoseconds kOnlyLook(0);
  const auto fixed = [](std::chrono::nanoseconds span) {
    return BusyPoll{.mode = BusyPoll::Mode::kFixed, .span = span};
  };
  worker_.lane().set_busy_poll(fixed(std::chrono::microseconds(100)));
  const size_t before = ring_.timeouts().size();
  worker_.Turn();
  ASSERT_GE(ring_.timeouts().size(), before + 2);
  EXPECT_EQ(ring_.timeouts()[before], kOnlyLook);
  EXPECT_EQ(ring_.timeouts().back(), std::nullopt);

  // What comes meanwhile is taken at once.
  worker_.lane().set_busy_poll(fixed(std::chrono::hours(1)));
  ring_.Arrive({0}, Wire(Station(2), Station(1)));
  worker_.Turn();
  EXPECT_EQ(ring_.timeouts().back(), kOnlyLook);
  EXPECT_EQ(worker_.lane().counters({0}).forwarded, 1U);
}

TEST_F(WorkerTest, WakesToReclaimWhatHasExpiredAndThenSleepsAgain) {
  ring_.Arrive({0}, Wire(kBroadcastAddress, Station(1)));
  Settle();
  ASSERT_EQ(bridge_.table().size(), 1U);
  worker_.Turn();
  ASSERT_TRUE(ring_.timeouts().back().has_value());
  EXPECT_LE(*ring_.timeouts().back(), std::chrono::seconds(30));
  clock_.now = clock_.now + Ticks{30001};
  for (int turn = 0; turn < 10; ++turn) worker_.Turn();
  EXPECT_EQ(bridge_.table().size(), 0U);
  EXPECT_EQ(ring_.timeouts().back(), std::nullopt);
}

TEST_F(WorkerTest, FramesTooLongForAPortAreCountedThere) {
  links_[2].mtu = 100;
  worker_.OnLinkChange(links_[2]);
  ring_.Arrive({0}, Wire(kBroadcastAddress, Station(1), 1000));
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(1));
  EXPECT_EQ(worker_.lane().counters({2}).dropped(DropReason::kTooLong), 1U);
}

TEST_F(WorkerTest, ClosingEndsEveryReadAndNothingPassesAnyMore) {
  worker_.CloseAll();
  for (uint16_t id = 0; id < kPorts; ++id) EXPECT_FALSE(ring_.reading({id}));
  EXPECT_THAT(WrittenTo(), IsEmpty());
}

TEST_F(WorkerTest, APauseOnItsWayAtTheEndIsToldToNobody) {
  bool is_told = false;
  ASSERT_TRUE(worker_.lane().PausePort({0}, [&] { is_told = true; }));
  worker_.Turn();
  ASSERT_FALSE(is_told);
  worker_.CloseAll();
  EXPECT_FALSE(is_told) << "who asked, a worker that shares ports, may be gone";
}

// Every copy that was to leave by a port was sent, or dropped there for a reason.
TEST_F(WorkerTest, CopiesAreSentOrDropped) {
  links_[2].mtu = 100;
  worker_.OnLinkChange(links_[2]);
  ring_.FailWrites({1}, EINVAL, 3);
  for (size_t i = 0; i < 100; ++i) {
    ring_.Arrive({0}, Wire(kBroadcastAddress, Station(1), i % 2 == 0 ? 60 : 500));
  }
  for (int turn = 0; turn < 20; ++turn) worker_.Turn();
  EXPECT_EQ(worker_.lane().counters({0}).forwarded, 100U);
  EXPECT_EQ(worker_.lane().counters({1}).sent.frames, 97U);
  EXPECT_EQ(worker_.lane().counters({1}).dropped(DropReason::kWriteFailed), 3U);
  EXPECT_EQ(worker_.lane().counters({2}).sent.frames, 50U);
  EXPECT_EQ(worker_.lane().counters({2}).dropped(DropReason::kTooLong), 50U);
}

// A datagram of a flow from station 1 to station 2, as a TAP hands it over.
Bytes Datagram(uint16_t identification) {
  const IpPacket packet{.is_udp = true, .identification = identification, .payload = Bytes(18)};
  Bytes wire(kVirtioNetHeaderSize);
  StoreVirtioNetHeader(ChecksumHeader(packet), std::span(wire).first<kVirtioNetHeaderSize>());
  const Bytes frame = UnfinishedFrame(packet);
  wire.insert(wire.end(), frame.begin(), frame.end());
  return wire;
}

TEST_F(WorkerTest, FramesOfAFlowThatComeTogetherLeaveAsOneAndAreCounted) {
  for (uint16_t i = 0; i < 5; ++i) ring_.Arrive({0}, Datagram(i));
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(1, 2));
  const PortCounters& counters = worker_.lane().counters({1});
  EXPECT_EQ(counters.joined, (JoinCounter{.frames = 5, .into = 1}));
  EXPECT_EQ(counters.sent, (FrameCounter{.frames = 1, .bytes = 42 + 5 * 18}));
  EXPECT_EQ(worker_.lane().counters({0}).forwarded, 5U);
}

TEST_F(WorkerTest, FramesStayApartWhenThatIsWanted) {
  worker_.lane().set_joins_frames(false);
  for (uint16_t i = 0; i < 5; ++i) ring_.Arrive({0}, Datagram(i));
  Settle();
  EXPECT_EQ(WrittenTo().size(), 10U);
  EXPECT_EQ(worker_.lane().counters({1}).joined, JoinCounter{});
}

TEST_F(WorkerTest, NoFrameWaitsForOthersToJoin) {
  ring_.Arrive({0}, Datagram(0));
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(1, 2));
  ring_.Arrive({0}, Datagram(1));
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(1, 2));
}

TEST_F(WorkerTest, ARemovedPortIsHandedOverOnceNothingOfItsIsInFlight) {
  std::unique_ptr<Port> removed;
  worker_.RemovePort({2}, [&](std::unique_ptr<Port> port) { removed = std::move(port); });
  EXPECT_EQ(removed, nullptr) << "its read has not ended yet";
  worker_.Turn();
  ASSERT_NE(removed, nullptr);
  EXPECT_EQ(removed->identity().id, PortId{2});
  EXPECT_EQ(worker_.port({2}), nullptr);

  ring_.Arrive({0}, Wire(Station(2), Station(1)));
  Settle();
  EXPECT_THAT(WrittenTo(), ElementsAre(1));
}

TEST_F(WorkerTest, TheIdOfARemovedPortCanBeUsedAgain) {
  worker_.RemovePort({2}, [](std::unique_ptr<Port>) {});
  worker_.Turn();
  AddPort(2);
  worker_.Turn();
  ring_.ClearWritten();
  ring_.Arrive({0}, Wire(Station(2), Station(1)));
  Settle();
  EXPECT_THAT(WrittenTo(), testing::SizeIs(2));
}

TEST_F(WorkerTest, TheAddressOfAnInterfaceIsTheBridgesWhileItIsAPort) {
  LinkEvent link{.ifindex = 9, .name = "veth0", .up = true, .mtu = 1500, .address = Station(7)};
  const auto own = [&](int number) {
    const auto entry = bridge_.table().Find(kAnyVlan, Station(number), clock_.now);
    return entry && entry->state == MacEntryState::kPermanent ? std::optional(entry->port)
                                                              : std::nullopt;
  };
  const auto add = [&](PortId id) {
    std::unique_ptr<Port> port = std::make_unique<NetdevPort>(
        PortIdentity{.id = id, .name = "veth0", .counters = &worker_.lane().counters(id)},
        NetdevPort::Queue{.role = QueueRole::kFirst,
                          .socket = {},
                          .query = [&link]() -> absl::StatusOr<LinkEvent> { return link; },
                          .missed = [](int /*socket*/) { return 0U; }});
    ASSERT_TRUE(worker_.AddPort(port, {.id = id}).ok());
  };
  add({3});
  EXPECT_EQ(own(7), PortId{3});
  add({4});
  EXPECT_EQ(own(7), PortId{3}) << "the first that has it";

  link.up = false;
  worker_.OnLinkChange(link);
  EXPECT_EQ(own(7), PortId{3}) << "also while it is down";
  worker_.RemovePort({3}, [](const std::unique_ptr<Port>& /*port*/) {});
  Settle();
  EXPECT_EQ(own(7), PortId{4});

  link.address = Station(8);
  worker_.OnLinkChange(link);
  EXPECT_EQ(own(7), std::nullopt);
  EXPECT_EQ(own(8), PortId{4});
  worker_.RemovePort({4}, [](const std::unique_ptr<Port>& /*port*/) {});
  Settle();
  EXPECT_EQ(own(8), std::nullopt);
}

TEST_F(WorkerTest, ASnapshotTellsOfPortsTableAndLoop) {
  ring_.Arrive({0}, Wire(Station(2), Station(1)));
  ring_.Arrive({0}, Wire(Station(2), Station(1)));
  Settle();
  const SwitchSnapshot snapshot = worker_.Snapshot();
  ASSERT_EQ(snapshot.ports.size(), 3U);
  EXPECT_EQ(snapshot.ports[0].counters.received.frames, 2U);
  EXPECT_EQ(snapshot.ports[0].learned, 1U);
  EXPECT_EQ(snapshot.table.learned, 1U);
  EXPECT_EQ(snapshot.loop.frames, 2U);
  const auto& sizes = snapshot.loop.batch_sizes;
  EXPECT_GT(std::accumulate(sizes.begin(), sizes.end(), uint64_t{0}), 0U);
}

}  // namespace
}  // namespace tapswitch::primary_worker_test
