// Ports that change hands between two workers: real threads and rings.

#include "switch/workers/sharing/port_sharing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "tests/support/forwarding_threads.h"
#include "tests/support/frame_builder.h"
#include "tests/support/wait_until.h"

namespace tapswitch::port_sharing_test {
namespace {

using Bytes = std::vector<std::byte>;
using Advice = WorkerGovernor::Advice;
using Sharing = ForwardingThreads::Sharing;

constexpr PortId kA{0};
constexpr PortId kB{1};
constexpr PortId kC{2};
constexpr MacAddress kAlice = MacAddress::FromNumber(0x02000000000A);
constexpr MacAddress kBob = MacAddress::FromNumber(0x02000000000B);

Bytes Numbered(MacAddress destination, MacAddress source, uint32_t number) {
  return FrameBuilder(destination, source).Type(EtherType{0x88B6}).U32(number).Pad(60).Build();
}

uint32_t NumberOf(const Bytes& frame) {
  uint32_t number = 0;
  for (size_t i = 14; i < 18; ++i) number = (number << 8U) | std::to_integer<uint32_t>(frame[i]);
  return number;
}

// Shares and gathers in turns, as often as the workers look.
class Toggle {
 public:
  PortSharing::Governor governor() {
    return [this](const LoadPeriod& /*period*/) {
      ++looks_;
      return looks_ % 2 == 1 ? Advice::kShare : Advice::kGather;
    };
  }
  [[nodiscard]] int looks() const { return looks_; }

 private:
  std::atomic<int> looks_ = 0;
};

// Numbered frames from one far side to another, of which so many may be on their way that the queue
// at the far end has room for them.
class Stream {
 public:
  Stream(const FarSide& from, const FarSide& to) : from_(from), to_(to) {}

  void Send(MacAddress destination, MacAddress source, uint32_t frames) {
    constexpr uint32_t kWindow = 8;
    for (uint32_t i = 0; i < frames; ++i) {
      while (i >= received_ + kWindow && !ended_) std::this_thread::yield();
      if (ended_) return;
      ASSERT_TRUE(from_.Put(Numbered(destination, source, i)));
    }
  }

  // Expects the numbers from 0 on, in order, each once.
  void Receive(uint32_t frames) {
    for (uint32_t i = 0; i < frames && !ended_; ++i) {
      const std::optional<Bytes> frame = to_.Take();
      if (!frame || NumberOf(*frame) != i) {
        ended_ = true;
        FAIL() << "number " << i << (frame ? " is not next" : " is lost");
      }
      ++received_;
    }
  }

 private:
  const FarSide& from_;
  const FarSide& to_;
  std::atomic<uint32_t> received_ = 0;
  std::atomic<bool> ended_ = false;
};

// Learns both stations, which are flooded otherwise.
void Meet(const FarSide& a, const FarSide& b) {
  ASSERT_TRUE(a.Put(Numbered(kBob, kAlice, 0)));
  ASSERT_TRUE(b.Take());
  ASSERT_TRUE(b.Put(Numbered(kAlice, kBob, 0)));
  ASSERT_TRUE(a.Take());
}

TEST(PortSharingTest, NoFrameIsLostRepeatedOrOvertakenWhilePortsChangeHands) {
  Toggle toggle;
  ForwardingThreads threads(toggle.governor());
  const auto a = threads.AddPort({.id = kA}, 1);
  const auto b = threads.AddPort({.id = kB}, 1);
  Meet(a[0], b[0]);
  constexpr uint32_t kFrames = 5'000;
  uint32_t rounds = 0;
  // Until the ports have changed hands often enough, however fast the machine is.
  while (toggle.looks() < 40) {
    Stream there(a[0], b[0]);
    Stream back(b[0], a[0]);
    std::thread one([&] { there.Send(kBob, kAlice, kFrames); });
    std::thread other([&] { back.Send(kAlice, kBob, kFrames); });
    std::thread first([&] { there.Receive(kFrames); });
    back.Receive(kFrames);
    for (std::thread* thread : {&one, &other, &first}) thread->join();
    ASSERT_FALSE(HasFailure());
    ++rounds;
  }
  const SwitchSnapshot snapshot = threads.workers().Snapshot();
  EXPECT_EQ(snapshot.ports[0].counters.received.frames, rounds * kFrames + 1);
  EXPECT_EQ(snapshot.ports[0].counters.forwarded, rounds * kFrames + 1);
  EXPECT_GT(snapshot.loops.at(0).frames, 0U);
  EXPECT_GT(snapshot.loops.at(1).frames, 0U) << "the secondary has had a part in it";
}

// As where there is no thread to be had.
TEST(PortSharingTest, AWorkerThatCouldNotBeStartedIsAskedForAgainButNotAtEachLook) {
  std::atomic<int> asked = 0;
  std::atomic<int> looks = 0;
  ForwardingThreads threads(
      [&](const LoadPeriod& /*period*/) {
        ++looks;
        return Advice::kShare;
      },
      [&] { ++asked; });
  const auto a = threads.AddPort({.id = kA}, 1);
  const auto b = threads.AddPort({.id = kB}, 1);
  int answered = 0;
  const auto is_asked = [&] {
    Meet(a[0], b[0]);
    if (asked == answered) return false;
    threads.workers().Grow(absl::ResourceExhaustedError("there is none"));
    ++answered;
    return true;
  };
  EXPECT_TRUE(WaitUntil(is_asked));
  const int before = looks;
  EXPECT_TRUE(WaitUntil(is_asked)) << "again";
  EXPECT_GT(looks, before + 10) << "but not at once";
}

TEST(PortSharingTest, AWorkerThatSleepsIsNotTakenForABusyOne) {
  std::atomic<bool> is_shared = false;
  std::atomic<bool> is_idle = false;
  ForwardingThreads threads([&](const LoadPeriod& period) {
    is_idle = is_shared && 10 * period.busy_of_all < period.length;
    if (is_shared || period.loaded_ports < 2) return Advice::kStay;
    is_shared = true;
    return Advice::kShare;
  });
  const auto a = threads.AddPort({.id = kA}, 1);
  const auto b = threads.AddPort({.id = kB}, 1);
  EXPECT_TRUE(WaitUntil([&] {
    if (!is_shared) Meet(a[0], b[0]);
    return is_shared.load();
  }));
  EXPECT_TRUE(WaitUntil([&] { return is_idle.load(); }));
}

// The third port can be had by the primary alone.
TEST(PortSharingTest, WhatIsHandedOverIsNotOvertakenEither) {
  Toggle toggle;
  ForwardingThreads threads(toggle.governor());
  const auto a = threads.AddPort({.id = kA}, 1);
  const auto b = threads.AddPort({.id = kB}, 1);
  const auto c = threads.AddPort({.id = kC}, 1, Sharing::kNever);
  std::atomic<bool> ended = false;
  std::thread other([&] {
    for (uint32_t i = 0; !ended; ++i) {
      ASSERT_TRUE(b[0].Put(Numbered(kBroadcastAddress, kBob, i)));
    }
  });
  std::thread sender([&] {
    for (uint32_t i = 0; !ended; ++i) {
      ASSERT_TRUE(a[0].Put(Numbered(kBroadcastAddress, kAlice, i)));
    }
  });
  std::thread drain_a([&] {
    while (!ended) static_cast<void>(a[0].TryTake());
  });
  std::thread drain_b([&] {
    while (!ended) static_cast<void>(b[0].TryTake());
  });
  std::array<std::optional<uint32_t>, 2> last;
  while (toggle.looks() < 40) {
    const std::optional<Bytes> frame = c[0].TryTake();
    if (!frame) continue;
    auto& number = last.at((*frame)[11] == std::byte{0x0A} ? 0 : 1);
    EXPECT_TRUE(!number || NumberOf(*frame) > *number) << *number << ", " << NumberOf(*frame);
    number = NumberOf(*frame);
  }
  ended = true;
  for (std::thread* thread : {&other, &sender, &drain_a, &drain_b}) thread->join();
  EXPECT_TRUE(last[0] && last[1]);
}

// Shares two ports once they have work, and goes on with frames both ways and to them.
void ExpectThatAllAreRead(Sharing first, Sharing second) {
  std::atomic<bool> is_shared = false;
  ForwardingThreads threads([&](const LoadPeriod& /*period*/) {
    return is_shared.exchange(true) ? Advice::kStay : Advice::kShare;
  });
  const auto a = threads.AddPort({.id = kA}, 1);
  const auto b = threads.AddPort({.id = kB}, 1, first);
  const auto c = threads.AddPort({.id = kC}, 1, second);
  int after = 0;
  for (uint32_t sent = 0; after < 200; ++sent) {
    if (is_shared) ++after;
    Meet(a[0], b[0]);
    ASSERT_TRUE(c[0].Put(Numbered(kAlice, MacAddress::FromNumber(0x02000000000C), sent)));
    ASSERT_TRUE(a[0].Take()) << after;
    ASSERT_FALSE(testing::Test::HasFatalFailure()) << after;
  }
}

// Netdev ports are such, and may be told to pause, too.
TEST(PortSharingTest, PortsThatCannotBeSharedAreReadAllTheTime) {
  ExpectThatAllAreRead(Sharing::kNever, Sharing::kNever);
}

TEST(PortSharingTest, APortForWhichDescriptorsAreUsedUpIsReadAllTheTime) {
  ExpectThatAllAreRead(Sharing::kFails, Sharing::kFails);
}

TEST(PortSharingTest, PortsThatCannotBeSharedLeaveNothingToShare) {
  std::atomic<size_t> most = 0;
  ForwardingThreads threads([&](const LoadPeriod& period) {
    most = std::max(most.load(), period.loaded_ports);
    return Advice::kStay;
  });
  const auto a = threads.AddPort({.id = kA}, 1, Sharing::kNever);
  const auto b = threads.AddPort({.id = kB}, 1, Sharing::kNever);
  for (int i = 0; i < 200 || most == 0; ++i) Meet(a[0], b[0]);
  EXPECT_EQ(most, 1U);
}

TEST(PortSharingTest, PortsComeAndGoMeanwhile) {
  Toggle toggle;
  ForwardingThreads threads(toggle.governor());
  const auto a = threads.AddPort({.id = kA}, 1);
  const auto b = threads.AddPort({.id = kB}, 1);
  Meet(a[0], b[0]);
  std::atomic<bool> ended = false;
  std::thread changes([&] {
    while (!ended) {
      const auto c = threads.AddPort({.id = kC}, 1);
      static_cast<void>(c[0].Put(Numbered(kBroadcastAddress, MacAddress::FromNumber(0x020C), 0)));
      threads.workers().RemovePort(kC);
    }
  });
  uint32_t sent = 0;
  while (toggle.looks() < 40) {
    ASSERT_TRUE(a[0].Put(Numbered(kBob, kAlice, sent)));
    std::optional<Bytes> frame = b[0].Take();
    while (frame && (*frame)[11] != std::byte{0x0A}) frame = b[0].Take();  // of the third
    ASSERT_TRUE(frame);
    EXPECT_EQ(NumberOf(*frame), sent++);
    while (a[0].TryTake()) {
    }
  }
  ended = true;
  changes.join();
}

}  // namespace
}  // namespace tapswitch::port_sharing_test
