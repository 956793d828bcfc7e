// The order of frames while the kernel gets conversations and loses them: none is lost, repeated or
// late.
//
// These tests take seconds. $TAPSWITCH_RACE_FRAMES says how many frames each of them sends instead:
//   TAPSWITCH_RACE_FRAMES=100000000 build/release-test/tests/kernel_path_test
//     --file=kernel_race_test.cc

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/carried_hosts.h"

namespace tapswitch::kernel_race_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using namespace std::chrono_literals;

// How many frames a test sends.
uint32_t FramesToSend() {
  const char* const given = getenv("TAPSWITCH_RACE_FRAMES");
  return given != nullptr ? static_cast<uint32_t>(strtoul(given, nullptr, 10)) : 200'000;
}

// The frames that came, judged by their numbers.
struct Arrivals {
  uint32_t frames = 0;
  uint32_t repeated = 0;
  uint32_t late = 0;
  uint32_t next = 0;
  std::vector<bool> seen;

  explicit Arrivals(uint32_t expected) : seen(expected) {}
  void Take(uint32_t number) {
    if (number >= seen.size()) return;
    if (seen[number]) {
      ++repeated;
      return;
    }
    seen[number] = true;
    ++frames;
    if (number < next) ++late;
    next = std::max(next, number + 1);
  }
};

// Numbered frames of one conversation, while the kernel gets and loses it again and again.
class RaceTest : public CarriedGuestsTest {
 protected:
  static constexpr uint32_t kWindow = 512;

  using SendOne = std::function<void(uint32_t number)>;
  using ReceiveOne = std::function<std::optional<uint32_t>(std::chrono::milliseconds)>;

  // Calls `change` while frames flow, and judges what came.
  void Run(const SendOne& send, const ReceiveOne& receive, const std::function<void()>& change,
           const std::string& from = "vnet1") {
    const uint32_t frames = FramesToSend();
    Arrivals arrivals(frames);
    std::atomic<uint32_t> arrived = 0;
    std::atomic<bool> sending = true;
    std::thread receiver([&] {
      for (;;) {
        const auto number = receive(200ms);
        if (number) arrivals.Take(*number);
        arrived = arrivals.next;
        if (!number && !sending) return;
      }
    });
    std::thread sender([&] {
      for (uint32_t number = 0; number < frames; ++number) {
        const auto limit = std::chrono::steady_clock::now() + 1s;
        while (number > arrived + kWindow && std::chrono::steady_clock::now() < limit) {
          std::this_thread::yield();
        }
        send(number);
      }
      sending = false;
    });
    int changes = 0;
    while (sending) {
      change();
      ++changes;
      std::this_thread::sleep_for(2ms);
    }
    sender.join();
    receiver.join();
    EXPECT_EQ(frames - arrivals.frames, 0U) << "lost";
    EXPECT_EQ(arrivals.repeated, 0U);
    EXPECT_EQ(arrivals.late, 0U);
    const uint64_t carried = CarriedFrom(from);
    EXPECT_GT(carried, frames / 100) << "carried by the kernel";
    EXPECT_LT(carried, frames) << "carried by the kernel";
    std::printf("%d changes, %lu of %u carried by the kernel\n", changes, carried, frames);
  }

  void Toggle() {
    client_->Call("link.set", {{"dev", "vnet2"}, {"kernel_forwarding", (on_ = !on_)}});
  }

 private:
  bool on_ = true;

 protected:
  bool guest_on_ = true;
};
INSTANTIATE_TEST_SUITE_P(Io, RaceTest, kEachIo, IoName);

TEST_P(RaceTest, NoFrameIsLostRepeatedOrLateBetweenVeths) {
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  const PacketSocket socket = network_->host(2).OpenPacketSocket();
  Run([&](uint32_t number) { Send(1, 2, number); },
      [&](auto limit) { return NumberOf(socket.Receive(limit)); }, [&] { Toggle(); });
}

TEST_P(RaceTest, NorRightIntoTheStationsEnd) {
  Start({}, {"veth", "veth"});
  if (IsSkipped()) return;
  const MacAddress from = network_->host(1).mac();
  const MacAddress to = network_->host(2).mac();
  sockets_[1].Send(TestFrame(from, to, "here"));
  const PacketSocket socket = network_->host(2).OpenPacketSocket();
  Run([&](uint32_t number) { sockets_[0].Send(Numbered(to, from, number)); },
      [&](auto limit) { return NumberOf(socket.Receive(limit)); }, [&] { Toggle(); });
}

TEST_P(RaceTest, NorWithTheTrafficControlOfOlderKernels) {
  Start({}, {"netdev", "netdev"}, {DENY_TCX_PATH});
  if (IsSkipped()) return;
  EXPECT_THAT(network_->sandbox().Run("tc qdisc show dev vnet1"), HasSubstr("clsact"));
  Introduce(1, 2);
  const PacketSocket socket = network_->host(2).OpenPacketSocket();
  Run([&](uint32_t number) { Send(1, 2, number); },
      [&](auto limit) { return NumberOf(socket.Receive(limit)); }, [&] { Toggle(); });
}

TEST_P(RaceTest, NorWithSeveralWorkers) {
  Start({"--workers=2"});
  if (Kernel().at("kernel_forwarding") == "off") GTEST_SKIP();
  Introduce(1, 2);
  const PacketSocket socket = network_->host(2).OpenPacketSocket();
  Run([&](uint32_t number) { Send(1, 2, number); },
      [&](auto limit) { return NumberOf(socket.Receive(limit)); }, [&] { Toggle(); });
}

TEST_P(RaceTest, NorBetweenGuests) {
  StartGuests();
  if (IsSkipped()) return;
  ASSERT_TRUE(GuestsAreCarried());
  Run([&](uint32_t number) { SendByGuest(0, number); },
      [&](auto limit) { return NumberOf(guests_[1].Receive(limit)); },
      [&] {
        client_->Call("link.set",
                      {{"dev", "guest1"}, {"kernel_forwarding", (guest_on_ = !guest_on_)}});
      },
      "guest0");
}

// By a TAP of the host's own, in the network namespace of the switch.
class OwnTapRaceTest : public RaceTest {
 protected:
  void StartWithHost() {
    Start({}, {"netdev"});
    if (IsSkipped()) return;
    client_->Call("port.add", {{"port", "tap:host0,up=on"}});
    ASSERT_TRUE(WaitUntil([&] { return Port("host0").at("link") == "up"; }));
    host_.emplace("host0");
    host_->Send(TestFrame(Station(1), Station(9), "here"));
    sockets_[0].Send(TestFrame(Station(9), Station(1), "here"));
    EXPECT_FALSE(host_->Receive().empty());
    if (WhyFromHost().find("cannot take frames") != std::string::npos) {
      GTEST_SKIP() << "it takes Linux 6.6";
    }
  }
  [[nodiscard]] std::string WhyFromHost() {
    return client_
        ->Call("trace", {{"in", "host0"},
                         {"src", Station(9).ToString()},
                         {"dst", Station(1).ToString()},
                         {"type", static_cast<int>(kTestType)}})
        .dump();
  }
  void ToggleHost() {
    client_->Call("link.set", {{"dev", "host0"}, {"kernel_forwarding", (guest_on_ = !guest_on_)}});
  }

  std::optional<PacketSocket> host_;
};
INSTANTIATE_TEST_SUITE_P(Io, OwnTapRaceTest, kEachIo, IoName);

TEST_P(OwnTapRaceTest, NoFrameOfTheHostIsLostRepeatedOrLate) {
  StartWithHost();
  if (IsSkipped()) return;
  const PacketSocket socket = network_->host(1).OpenPacketSocket();
  Run([&](uint32_t number) { host_->Send(Numbered(Station(1), Station(9), number)); },
      [&](auto limit) { return NumberOf(socket.Receive(limit)); }, [&] { ToggleHost(); }, "host0");
}

TEST_P(OwnTapRaceTest, NorIsOneToTheHost) {
  StartWithHost();
  if (IsSkipped()) return;
  Run([&](uint32_t number) { Send(1, 9, number); },
      [&](auto limit) { return NumberOf(host_->Receive(limit)); }, [&] { ToggleHost(); });
}

// As many frames as come; the switch cannot take them all, and its sockets lose some.
TEST_P(RaceTest, NorIsOneLateWhereTheSwitchIsOverloaded) {
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  const PacketSocket socket = network_->host(2).OpenPacketSocket();
  std::atomic<bool> sending = true;
  std::atomic<uint32_t> sent = 0;
  std::thread sender([&] {
    for (; sending; ++sent) Send(1, 2, sent);
  });
  Arrivals arrivals(1U << 24U);
  std::thread receiver([&] {
    while (sending) {
      if (const auto number = NumberOf(socket.Receive(50ms))) arrivals.Take(*number);
    }
  });
  // A busy machine may need more rounds until a flow has been handed over once.
  constexpr int kRounds = 11;
  constexpr int kMostRounds = 100;
  int rounds = 0;
  while (rounds < kRounds || (CarriedFrom("vnet1") == 0 && rounds < kMostRounds)) {
    Toggle();
    Toggle();
    ++rounds;
    std::this_thread::sleep_for(300ms);
  }
  sending = false;
  sender.join();
  receiver.join();
  EXPECT_EQ(arrivals.repeated, 0U);
  EXPECT_EQ(arrivals.late, 0U);
  EXPECT_GT(CarriedFrom("vnet1"), 0U);
  std::printf("%d rounds, %u sent, %u came, %lu carried by the kernel\n", rounds, sent.load(),
              arrivals.frames, CarriedFrom("vnet1"));
  const json port = Port("vnet1");
  EXPECT_EQ(port.at("stats64").at("rx").at("packets").get<uint64_t>(),
            port.at("forwarded").get<uint64_t>() +
                port.at("stats64").at("rx").at("dropped").get<uint64_t>());
}

TEST_P(RaceTest, NorWhenEntriesAreDeletedAndLearnedAgain) {
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  const PacketSocket socket = network_->host(2).OpenPacketSocket();
  Run([&](uint32_t number) { Send(1, 2, number); },
      [&](auto limit) { return NumberOf(socket.Receive(limit)); },
      [&] {
        client_->Call("fdb.replace",
                      {{"mac", Station(2).ToString()}, {"dev", "vnet2"}, {"state", "dynamic"}});
      });
}

}  // namespace
}  // namespace tapswitch::kernel_race_test
