// A supervisor starts the switch again after it was killed, with all that it had (--supervise).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/packet_socket.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::supervise_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

// Generous: it is some ten milliseconds on a machine that does nothing else.
constexpr std::chrono::seconds kLongestGap(3);

json LearnedEntry(int station) {
  ControlClient client;
  for (const json& entry : client.Call("fdb.list")) {
    if (entry["mac"] == Station(station).ToString()) return entry;
  }
  return {};
}

// Sends a numbered frame each millisecond from one host to another, and notes the longest time
// without one. None arrives twice.
class GapMeter {
 public:
  GapMeter(const TestNetwork& network, int from, int to)
      : sender_(network.host(from).OpenPacketSocket(0)),
        receiver_(network.host(to).OpenPacketSocket()),
        from_(from),
        to_(to),
        sending_([this](const std::stop_token& stop) { Send(stop); }),
        receiving_([this](const std::stop_token& stop) { Receive(stop); }) {}

  [[nodiscard]] uint64_t received() const { return received_; }
  [[nodiscard]] Clock::duration longest() const { return Clock::duration(longest_); }

 private:
  void Send(const std::stop_token& stop) const {
    for (uint32_t number = 1; !stop.stop_requested(); ++number) {
      static_cast<void>(sender_.TrySend(
          FrameBuilder(Station(to_), Station(from_)).Type(kTestType).U32(number).Pad(60).Build()));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  void Receive(const std::stop_token& stop) {
    auto last_time = Clock::now();
    std::set<uint32_t> seen;
    while (!stop.stop_requested()) {
      const auto frame = receiver_.Receive(std::chrono::milliseconds(100));
      const auto header = ParseHeader(frame);
      if (!header || header->source != Station(from_)) continue;
      const uint32_t number = LoadBe32(frame.data() + 14);
      if (!seen.insert(number).second) ADD_FAILURE() << "frame " << number << " once more";
      const auto now = Clock::now();
      longest_ = std::max(longest_.load(), (now - last_time).count());
      last_time = now;
      ++received_;
    }
  }

  PacketSocket sender_;
  PacketSocket receiver_;
  int from_;
  int to_;
  std::atomic<uint64_t> received_ = 0;
  std::atomic<Clock::rep> longest_ = 0;
  std::jthread sending_;
  std::jthread receiving_;
};

class SuperviseTest : public SwitchTest {
 protected:
  static TestNetwork::Options Supervised(std::vector<std::string> flags = {}) {
    flags.emplace_back("--supervise");
    return {.io = io(),
            .ports = {"", "netdev", "netdev", ""},
            .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces,
            .flags = flags};
  }

  // Kills the switch, and waits until another one serves clients. Returns its process.
  static pid_t KillSwitch() {
    const auto before = ServingProcess();
    EXPECT_TRUE(before.has_value());
    if (!before) return -1;
    kill(*before, SIGKILL);
    std::optional<pid_t> now;
    EXPECT_TRUE(WaitUntil([&] {
      now = ServingProcess();
      return now && *now != *before;
    }));
    return now.value_or(-1);
  }

  // Makes the switch know where the stations of all hosts are.
  static void Introduce(const TestNetwork& network) {
    for (int host = 1; host <= network.size(); ++host) {
      network.host(host).OpenPacketSocket(0).Send(
          TestFrame(kBroadcastAddress, Station(host), "here"));
      EXPECT_TRUE(WaitUntil([&] { return !LearnedEntry(host).is_null(); }));
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Io, SuperviseTest, kEachIo, IoName);

TEST_P(SuperviseTest, PortsAddressesAndFramesAreThereAgainAfterAKill) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{}, {"--kernel_forwarding=off"}, {"--user=nobody"}}) {
    SCOPED_TRACE(flags.empty() ? "" : flags[0]);
    TestNetwork network(Supervised(flags));
    Introduce(network);
    const std::string links = network.sandbox().Run("ip -o link | sed 's/qdisc.*state/state/'");
    // It writes what it has learned within a second.
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    const GapMeter between_netdevs(network, 2, 3);
    const GapMeter between_taps(network, 1, 4);
    for (int i = 0; i < 4; ++i) {
      SCOPED_TRACE("kill " + std::to_string(i));
      const uint64_t netdev_before = between_netdevs.received();
      const uint64_t tap_before = between_taps.received();
      ASSERT_GT(KillSwitch(), 0);
      for (int station = 1; station <= 4; ++station) {
        EXPECT_FALSE(LearnedEntry(station).is_null()) << station;
      }
      EXPECT_TRUE(WaitUntil([&] { return between_netdevs.received() > netdev_before + 1200; }));
      EXPECT_TRUE(WaitUntil([&] { return between_taps.received() > tap_before + 1200; }));
    }
    EXPECT_LT(between_netdevs.longest(), kLongestGap);
    EXPECT_LT(between_taps.longest(), kLongestGap);
    RecordProperty("longest_gap_ms",
                   std::to_string(between_taps.longest() / std::chrono::milliseconds(1)));
    EXPECT_EQ(network.sandbox().Run("ip -o link | sed 's/qdisc.*state/state/'"), links);
  }
}

TEST_P(SuperviseTest, ConfigurationIsKeptAndShowSaysWhatWasNot) {
  TestNetwork network(Supervised({"--vlan_filtering"}));
  {
    ControlClient client;
    client.Call("link.set", {{"dev", "vnet3"}, {"isolated", true}});
    client.Call("vlan.add", {{"dev", "vnet1"}, {"vid", "10-20"}});
    client.Call("port.del", {{"name", "vnet4"}});
  }
  const json config = ControlClient().Call("config.save");
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  KillSwitch();
  EXPECT_EQ(ControlClient().Call("config.save"), config);
  EXPECT_NE(network.sandbox().TryRun("ip link show vnet4").status, 0) << "it was deleted before";
  const json handover = ControlClient().Call("bridge.list")[0]["handover"];
  EXPECT_EQ(handover["after_death"], true);
  EXPECT_THAT(handover["not_kept"].dump(), HasSubstr("counters"));
  EXPECT_TRUE(network.tapswitchd().WaitForLog("took the place of a process"));
}

TEST_P(SuperviseTest, AnUpgradedSwitchIsSupervisedToo) {
  TestNetwork network(Supervised());
  for (int i = 0; i < 2; ++i) {
    ControlClient().Call("bridge.upgrade", json::object());
    ASSERT_TRUE(WaitUntil([] { return ServingProcess().has_value(); }));
    KillSwitch();
    FrameExchange frames(network);
    frames.Send(1, TestFrame(Station(9), Station(1), "flooded"));
    auto received = frames.Collect();
    for (const int host : {2, 3, 4}) EXPECT_EQ(received.at(host).size(), 1U) << host;
  }
  network.tapswitchd().Stop();
}

TEST_P(SuperviseTest, ItEndsWithTheSwitchAndLeavesNothing) {
  TestNetwork network(Supervised());
  KillSwitch();
  network.tapswitchd().Stop();
  EXPECT_FALSE(ServingProcess().has_value());
  EXPECT_FALSE(std::filesystem::exists(ControlClient::kDefaultPath));
  EXPECT_NE(network.sandbox().TryRun("ip link show vnet1").status, 0);
  EXPECT_THAT(network.sandbox().Run("tc qdisc show dev vnet2"), testing::Not(HasSubstr("clsact")));
}

TEST_P(SuperviseTest, ASwitchThatCannotStartIsNotStartedAgain) {
  const NetnsSandbox sandbox;
  SwitchProcess process({"--io=" + io(), "--supervise", "vnet1,netns=missing"});
  EXPECT_EQ(process.WaitForExit(), 1);
  EXPECT_THAT(process.log(), HasSubstr("missing"));
}

// A copy of the program, in whose place another one is put.
TEST_P(SuperviseTest, ItWaitsLongerAndLongerForASwitchThatDoesNotStart) {
  TestNetwork::Options options = Supervised({"--host_lease=1s"});
  const std::string script =
      R"(cp "$0" /run/tapswitch/program && exec /run/tapswitch/program "$@")";
  options.launcher = {"sh", "-c", script};
  TestNetwork network(options);
  network.sandbox().Run(
      "cd /run/tapswitch && cp program kept && "
      "printf '#!/bin/sh\\necho >>/run/tapswitch/starts\\nkill -KILL $$\\n' >broken && "
      "chmod +x broken && mv broken program");
  const auto pid = ServingProcess();
  ASSERT_TRUE(pid.has_value());
  kill(*pid, SIGKILL);
  const auto starts = [&] {
    return std::stoi(network.sandbox().Run("cat /run/tapswitch/starts 2>/dev/null | wc -l"));
  };
  ASSERT_TRUE(WaitUntil([&] { return starts() >= 3; }));
  EXPECT_TRUE(network.tapswitchd().WaitForLog("its interfaces are the host's again"));
  std::this_thread::sleep_for(std::chrono::seconds(2));
  EXPECT_LE(starts(), 8);
  network.sandbox().Run("mv /run/tapswitch/kept /run/tapswitch/program");
  EXPECT_TRUE(WaitUntil([] { return ServingProcess().has_value(); }));
}

}  // namespace
}  // namespace tapswitch::supervise_test
