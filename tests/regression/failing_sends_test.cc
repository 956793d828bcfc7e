// Ports whose queueing discipline takes nothing, and somebody who sends broadcasts to all of them:
// each frame is a failed write for each of these ports.
//
// By io_uring the failures came back a few at a time, slower than new ones were made, and
// everything else that the ring had to tell stood behind them: the kernel's memory grew by some 200
// MB/s, frames between two ports that had nothing to do with it took seconds, and so did commands.

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/background_traffic.h"
#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/process_usage.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::failing_sends_test {
namespace {

constexpr int kSender = 3;
constexpr int kFirstFailing = 4;
constexpr int kFailing = 12;

// What the kernel cannot give back when it is asked to.
size_t KernelKilobytes() {
  std::ifstream memory("/proc/meminfo");
  std::string word;
  while (memory >> word && word != "SUnreclaim:") {
  }
  size_t kilobytes = 0;
  memory >> kilobytes;
  return kilobytes;
}

class FailingSendsTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    std::vector<std::string> ports{"", "", "netdev"};
    ports.resize(ports.size() + kFailing, "netdev");
    network_.emplace(TestNetwork::Options{
        .io = io(), .ports = ports, .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces});
    for (int i = kFirstFailing; i < kFirstFailing + kFailing; ++i) {
      network_->sandbox().Run("tc qdisc add dev " + network_->host(i).port() +
                              " root tbf rate 8kbit burst 2000 limit 2000");
    }
    // The two are not concerned: no broadcast goes to them, and they know where they are.
    ControlClient client;
    for (const int bystander : {1, 2}) {
      client.Call("link.set", {{"dev", network_->host(bystander).port()}, {"bcast_flood", false}});
      network_->host(bystander).OpenPacketSocket(0).Send(
          FrameBuilder(kBroadcastAddress, Station(bystander))
              .Type(EtherType{0x88B6})
              .Pad(60)
              .Build());
    }
  }

  [[nodiscard]] uint64_t DropsOf(int host) {
    ControlClient client;
    const auto drops =
        client.Call("port.list", {{"name", network_->host(host).port()}})[0]["drops"];
    return drops.contains("queue_full") ? drops["queue_full"].get<uint64_t>() : 0;
  }

  std::optional<TestNetwork> network_;
};
INSTANTIATE_TEST_SUITE_P(Io, FailingSendsTest, kEachIo, IoName);

TEST_P(FailingSendsTest, NeitherGrowMemoryNorDelayOthers) {
  const SteadyStream bystanders(network_->host(1), network_->host(2));
  ASSERT_TRUE(bystanders.DeliversMore(10));
  const size_t kernel_before = KernelKilobytes();
  const pid_t process = network_->tapswitchd().pid();
  const size_t own_before = ResidentKilobytes(process);
  const FrameFlood storm(network_->host(kSender), Station(kSender), kBroadcastAddress);
  ASSERT_TRUE(WaitUntil([&] { return DropsOf(kFirstFailing + kFailing - 1) > 0; }));

  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
  std::chrono::steady_clock::duration longest{};
  size_t kernel_most = kernel_before;
  while (std::chrono::steady_clock::now() < end) {
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(bystanders.DeliversMore(10));
    static_cast<void>(DropsOf(kFirstFailing));  // a command, which is answered
    longest = std::max(longest, std::chrono::steady_clock::now() - start);
    kernel_most = std::max(kernel_most, KernelKilobytes());
  }
  EXPECT_LT(longest, std::chrono::seconds(2)) << "ten frames and a command";
  EXPECT_LT(kernel_most, kernel_before + (100U << 10U));
  EXPECT_LT(ResidentKilobytes(process), own_before + (32U << 10U));
  network_->tapswitchd().Stop();
}

}  // namespace
}  // namespace tapswitch::failing_sends_test
