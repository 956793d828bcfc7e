// Several workers as one switch: real threads and rings. Queue 0 of a port belongs to the primary,
// queue 1 to the secondary.

#include "switch/workers/workers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "switch/capture/capture_point.h"
#include "tests/support/forwarding_threads.h"
#include "tests/support/frame_builder.h"
#include "tests/support/neighbour_frames.h"

namespace tapswitch::workers_test {
namespace {

constexpr PortId kA{0};
constexpr PortId kB{1};
constexpr PortId kC{2};

constexpr MacAddress Station(uint64_t n) { return MacAddress::FromNumber(0x020000000000 + n); }

// With `mark` as its payload.
Bytes FrameOf(MacAddress destination, MacAddress source, uint32_t mark = 0) {
  return FrameBuilder(destination, source).Type(EtherType::kIpv4).U32(mark).Pad(60).Build();
}

uint32_t MarkOf(const Bytes& frame) {
  return (std::to_integer<uint32_t>(frame[14]) << 24U) |
         (std::to_integer<uint32_t>(frame[15]) << 16U) |
         (std::to_integer<uint32_t>(frame[16]) << 8U) | std::to_integer<uint32_t>(frame[17]);
}

TEST(WorkersTest, EachSendsByItsOwnQueueAndAllKnowWhatOneHasLearned) {
  ForwardingThreads threads(2);
  const auto a = threads.AddPort({.id = kA}, 2);
  const auto b = threads.AddPort({.id = kB}, 2);

  ASSERT_TRUE(a[1].Put(FrameOf(kBroadcastAddress, Station(1), 5)));
  EXPECT_EQ(b[1].Take(), FrameOf(kBroadcastAddress, Station(1), 5));

  const auto c = threads.AddPort({.id = kC}, 2);
  ASSERT_TRUE(b[0].Put(FrameOf(Station(1), Station(2), 6)));
  EXPECT_EQ(a[0].Take(), FrameOf(Station(1), Station(2), 6));
  EXPECT_FALSE(c[0].TryTake()) << "the secondary has learned where it is";

  const SwitchSnapshot snapshot = threads.workers().Snapshot();
  ASSERT_EQ(snapshot.ports.size(), 3U);
  EXPECT_EQ(snapshot.ports[0].counters.received.frames, 1U);
  EXPECT_EQ(snapshot.ports[0].counters.sent.frames, 1U);
  EXPECT_EQ(snapshot.ports[0].counters.forwarded, 1U);
  EXPECT_EQ(snapshot.loop.frames, 2U);
  ASSERT_EQ(snapshot.loops.size(), 2U);
  EXPECT_EQ(snapshot.loops[0].frames, 1U);
  EXPECT_EQ(snapshot.loops[1].frames, 1U);
}

TEST(WorkersTest, APortWithOneQueueGetsTheFramesOfAllWorkersInTheirOrder) {
  ForwardingThreads threads(2);
  const auto a = threads.AddPort({.id = kA}, 2);
  const auto b = threads.AddPort({.id = kB}, 1);
  constexpr uint32_t kFrames = 500;
  std::thread sender([&] {
    for (uint32_t i = 0; i < kFrames; ++i) {
      EXPECT_TRUE(a[1].Put(FrameOf(kBroadcastAddress, Station(1), i)));
    }
  });
  uint32_t received = 0;
  std::optional<uint32_t> last;
  const auto sum = [&] {
    while (const auto frame = b[0].TryTake()) {
      EXPECT_TRUE(!last || MarkOf(*frame) > *last);
      last = MarkOf(*frame);
      ++received;
    }
    const SwitchSnapshot snapshot = threads.workers().Snapshot();
    return received + snapshot.ports[1].counters.dropped(DropReason::kQueueFull);
  };
  EXPECT_TRUE(WaitUntil([&] { return sum() == kFrames; })) << received;
  sender.join();
  EXPECT_EQ(threads.workers().Snapshot().ports[1].counters.sent.frames, received);
}

TEST(WorkersTest, APortThatIsRemovedLeavesNoTraceAndItsIdCanBeUsedAgain) {
  ForwardingThreads threads(3);
  const auto a = threads.AddPort({.id = kA}, 3);
  for (const size_t queues : {1U, 2U, 3U}) {
    const auto b = threads.AddPort({.id = kB}, queues);
    ASSERT_TRUE(a[2].Put(FrameOf(kBroadcastAddress, Station(1))));
    EXPECT_TRUE(b[queues == 3 ? 2 : 0].Take());
    threads.workers().RemovePort(kB);
    EXPECT_EQ(threads.workers().Snapshot().ports.size(), 1U);
    EXPECT_FALSE(b[0].Put(FrameOf(kBroadcastAddress, Station(2)))) << "its files are closed";
  }
  threads.workers().RemovePort(kB);  // no such port
}

TEST(WorkersTest, WhoAsksIsAnsweredByTheWorkerThatHeard) {
  ForwardingThreads threads(2);
  const auto a = threads.AddPort({.id = kA}, 2);
  const auto b = threads.AddPort({.id = kB, .neigh_suppress = true}, 2);
  ASSERT_TRUE(
      b[0].Put(ArpFrame{.source = Station(2), .sender = 0x0A000002, .target = 0x0A000002}.Build()));
  ASSERT_TRUE(a[0].Take()) << "it is known now";

  ASSERT_TRUE(
      a[1].Put(ArpFrame{.source = Station(1), .sender = 0x0A000001, .target = 0x0A000002}.Build()));

  EXPECT_EQ(a[1].Take(), (ArpFrame{.destination = Station(1),
                                   .source = Station(2),
                                   .operation = 2,
                                   .sender = 0x0A000002,
                                   .target_mac = Station(1),
                                   .target = 0x0A000001}
                              .Build()));
}

TEST(WorkersTest, AnAlarmOfASecondaryIsHeededByThePrimary) {
  ForwardingThreads threads(2);
  std::atomic<int> alarms = 0;
  threads.commands().Call(
      [&] { threads.primary().set_on_alarm([&](const Alarm& /*alarm*/) { ++alarms; }); });
  PortForwarding forwarding{.id = kA};
  forwarding.storm.rates[0] = {.per_second = 20};
  forwarding.storm.shuts_down = true;
  const auto a = threads.AddPort(forwarding, 2);
  const auto b = threads.AddPort({.id = kB}, 2);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(a[1].Put(FrameOf(kBroadcastAddress, Station(1))));
  EXPECT_TRUE(WaitUntil([&] { return alarms == 1; }));
  EXPECT_TRUE(threads.workers().Snapshot().ports[0].shut_down);
}

TEST(WorkersTest, WhatASecondaryHasLearnedAgesThoughThePrimarySleeps) {
  ForwardingThreads threads(2);
  threads.commands().Call([&] { threads.primary().SetAgeing({10}); });
  const auto a = threads.AddPort({.id = kA}, 2);
  const auto entries = [&] {  // wakes nobody
    const LockedBridge bridge(threads.shared());
    return bridge->table().size();
  };
  ASSERT_TRUE(a[1].Put(FrameOf(kBroadcastAddress, Station(1))));
  EXPECT_TRUE(WaitUntil([&] { return entries() == 1; }));
  EXPECT_TRUE(WaitUntil([&] { return entries() == 0; }));
}

// A queue that sends nothing before its gate is open.
class HeldQueue final : public Port {
 public:
  struct Gate {
    std::atomic<bool> is_reached = false;
    std::atomic<bool> is_open = false;
    std::atomic<size_t> sent = 0;
  };

  HeldQueue(PortIdentity identity, Gate& gate) : identity_(std::move(identity)), gate_(gate) {
    status_.link_up = true;
  }

  [[nodiscard]] const PortIdentity& identity() const override { return identity_; }
  [[nodiscard]] const PortStatus& status() const override { return status_; }
  [[nodiscard]] absl::Status Start(Ring& /*ring*/) override { return absl::OkStatus(); }
  void OnCompletions(std::span<const Completion> /*completions*/,
                     FrameBatch& /*received*/) override {}
  void Send(std::span<const WireFrame> frames) override {
    gate_.is_reached = true;
    gate_.is_open.wait(false);
    gate_.sent += frames.size();
  }
  void Recycle() override {}
  void OnLinkChange(const LinkEvent& /*link*/) override {}
  void BeginClose() override { is_closing_ = true; }
  [[nodiscard]] bool closed() const override { return is_closing_; }
  void Detach() override {}

 private:
  PortIdentity identity_;
  PortStatus status_;
  Gate& gate_;
  bool is_closing_ = false;
};

TEST(WorkersTest, WhatWasDecidedBeforeAPortWasClosedHasLeftOnceItWasAwaited) {
  HeldQueue::Gate gate;
  ForwardingThreads threads(2);
  PortForwarding from{.id = kA};
  const auto a = threads.AddPort(from, 2);
  std::vector<std::unique_ptr<Port>> queues;
  for (const PortIdentity& identity : threads.workers().Identities({.id = kB})) {
    queues.push_back(std::make_unique<HeldQueue>(identity, gate));
  }
  ASSERT_TRUE(threads.workers().AddPort(std::move(queues), {.id = kB}).ok());
  ASSERT_TRUE(a[1].Put(FrameOf(kBroadcastAddress, Station(1))));
  ASSERT_TRUE(WaitUntil([&] { return gate.is_reached.load(); }));

  from.state = PortState::kDisabled;
  threads.workers().SetForwarding(from);
  std::atomic<bool> has_returned = false;
  std::jthread control([&] {
    threads.workers().AwaitSent();
    has_returned = true;
    EXPECT_EQ(gate.sent, 1U);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(has_returned);
  gate.is_open = true;
  gate.is_open.notify_all();
}

// Everything at once: frames by all queues, floods to a port with one queue, a port that comes and
// goes, a capture that comes and goes, addresses that are forgotten, and somebody who looks.
TEST(WorkersTest, NothingIsLostUncountedWhileAllIsChanged) {
  constexpr size_t kWorkers = 3;
  ForwardingThreads threads(kWorkers);
  const auto a = threads.AddPort({.id = kA}, kWorkers);
  const auto b = threads.AddPort({.id = kB}, kWorkers);
  const auto c = threads.AddPort({.id = kC}, 1);
  constexpr uint32_t kFrames = 3000;
  std::atomic<bool> done = false;
  std::atomic<size_t> finished = 0;
  std::vector<std::thread> helpers;
  for (size_t queue = 0; queue < kWorkers; ++queue) {
    for (const auto* const side : {&a, &b}) {
      helpers.emplace_back([&, side, queue] {
        const MacAddress own = Station(queue + (side == &a ? 0x100 : 0x200));
        const MacAddress other = Station(queue + (side == &a ? 0x200 : 0x100));
        for (uint32_t i = 0; i < kFrames; ++i) {
          EXPECT_TRUE((*side)[queue].Put(FrameOf(i % 8 == 0 ? kBroadcastAddress : other, own, i)));
        }
        ++finished;
      });
    }
  }
  std::thread reader([&] {
    while (!done) {
      for (const auto* const sides : {&a, &b, &c}) {
        for (const FarSide& side : *sides) {
          while (side.TryTake()) {
          }
        }
      }
    }
  });
  std::thread observer([&] {
    while (!done) static_cast<void>(threads.workers().Snapshot());
  });
  const WakeEvent wake = WakeEvent::Create().value();
  int rounds = 0;
  const auto change = [&] {
    const auto d = threads.AddPort({.id = {3}}, static_cast<size_t>(1 + rounds++ % kWorkers));
    CapturePoint tap(
        {.ports = PortSet::All(), .filter = {}, .snap_length = 64, .memory = 1U << 16U}, wake);
    threads.workers().AddCapture(tap);
    threads.commands().Call([&] { threads.bridge().table().FlushPort(kA); });
    while (tap.Front()) tap.Pop();
    threads.workers().RemoveCapture(tap);
    threads.workers().RemovePort({3});
  };
  while (finished < helpers.size()) change();
  for (std::thread& helper : helpers) helper.join();
  // What was put has been received when a turn finds nothing more.
  EXPECT_TRUE(WaitUntil([&] {
    const SwitchSnapshot snapshot = threads.workers().Snapshot();
    return snapshot.ports[0].counters.received.frames == kWorkers * kFrames &&
           snapshot.ports[1].counters.received.frames == kWorkers * kFrames;
  }));
  done = true;
  reader.join();
  observer.join();
  EXPECT_GT(rounds, 0);

  const SwitchSnapshot last = threads.Stop();
  ASSERT_EQ(last.ports.size(), 3U);
  for (const PortSnapshot& port : last.ports) {
    const PortCounters& counters = port.counters;
    uint64_t dropped = 0;
    for (size_t reason = 0; reason < kDropReasonCount; ++reason) {
      if (!kDropReasons[reason].at_egress) dropped += counters.drops[reason];
    }
    EXPECT_EQ(counters.received.frames, counters.forwarded + dropped) << "port " << port.id.value;
  }
  EXPECT_EQ(last.loop.frames, 2 * kWorkers * kFrames);
}

}  // namespace
}  // namespace tapswitch::workers_test
