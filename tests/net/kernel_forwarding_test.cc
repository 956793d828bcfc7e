// Conversations that the kernel carries by itself: that it does, counts, and says why not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/carried_hosts.h"

namespace tapswitch::kernel_forwarding_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using namespace std::chrono_literals;

class KernelForwardingTest : public CarriedHostsTest {};
INSTANTIATE_TEST_SUITE_P(Io, KernelForwardingTest, kEachIo, IoName);

class GuestsTest : public CarriedGuestsTest {};
INSTANTIATE_TEST_SUITE_P(Io, GuestsTest, kEachIo, IoName);

// ---- That it does

TEST_P(KernelForwardingTest, AConversationThatGoesOnIsCarriedAndCounted) {
  Start();
  Introduce(1, 2);
  EXPECT_EQ(Verdict(1, 2), "not yet");
  ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
  const json before = Port("vnet1");
  const auto before_sent = Port("vnet2").at("stats64").at("tx").at("packets").get<uint64_t>();
  const PacketSocket receiver = network_->host(2).OpenPacketSocket();
  for (uint32_t i = 0; i < 100; ++i) Send(1, 2, i);
  for (uint32_t i = 0; i < 100; ++i) EXPECT_EQ(NumberOf(receiver.Receive()), i);
  const json after = Port("vnet1");
  EXPECT_EQ(after.at("kernel").at("rx").get<uint64_t>(),
            before.at("kernel").at("rx").get<uint64_t>() + 100);
  const auto received = after.at("stats64").at("rx").at("packets").get<uint64_t>();
  EXPECT_EQ(received, before.at("stats64").at("rx").at("packets").get<uint64_t>() + 100);
  EXPECT_EQ(received, after.at("forwarded").get<uint64_t>() +
                          after.at("stats64").at("rx").at("dropped").get<uint64_t>());
  EXPECT_EQ(Port("vnet2").at("stats64").at("tx").at("packets").get<uint64_t>(), before_sent + 100);
  EXPECT_EQ(Kernel().at("flows").size(), 1U) << Kernel().dump();
  EXPECT_EQ(Verdict(2, 1), "not yet");
}

TEST_P(KernelForwardingTest, HostsReachEachOtherThroughTheKernel) {
  Start();
  // The first ten are sent at once: a conversation has eight frames a second, however slow a machine
  // is.
  const std::string ping =
      "ping -c 30 -l 10 -i 0.01 -W 10 " + network_->host(2).address(IpVersion::kV4);
  network_->host(1).Run(ping);
  EXPECT_EQ(Kernel().at("flows").size(), 2U) << Kernel().dump();
  EXPECT_GT(CarriedFrom("vnet1"), 5U);
  EXPECT_GT(CarriedFrom("vnet2"), 5U);
}

TEST_P(KernelForwardingTest, FloodsAndScansAreNotCarried) {
  Start();
  for (int i = 0; i < 50; ++i) {
    sockets_[0].Send(TestFrame(Station(100 + i), Station(1), "scan"));
    sockets_[0].Send(TestFrame(kBroadcastAddress, Station(1), "flood"));
  }
  EXPECT_TRUE(WaitUntil(
      [&] { return Port("vnet1").at("stats64").at("rx").at("packets").get<uint64_t>() >= 100; }));
  EXPECT_TRUE(Kernel().at("flows").empty()) << Kernel().dump();
}

TEST_P(KernelForwardingTest, OffMeansOff) {
  Start({"--kernel_forwarding=off"});
  Introduce(1, 2);
  for (int i = 0; i < 30; ++i) Send(1, 2);
  EXPECT_EQ(Kernel().at("reason"), "--kernel_forwarding=off");
  EXPECT_EQ(Verdict(1, 2), "no");
  EXPECT_THAT(WhyNot(1, 2), HasSubstr("--kernel_forwarding=off"));
}

// ---- A switch that cannot act

TEST_P(KernelForwardingTest, AStoppedSwitchGoesOnForwardingWhatIsKnownAndAKilledOneDoesNot) {
  for (const bool has_tcx : {true, false}) {
    SCOPED_TRACE(has_tcx ? "TCX" : "clsact");
    sockets_.clear();
    network_.reset();
    Start({}, {"netdev", "netdev"},
          has_tcx ? std::vector<std::string>() : std::vector<std::string>{DENY_TCX_PATH});
    if (IsSkipped()) return;
    Introduce(1, 2);
    ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
    const PacketSocket receiver = network_->host(2).OpenPacketSocket();
    ASSERT_EQ(kill(network_->tapswitchd().pid(), SIGSTOP), 0);
    for (uint32_t i = 1; i <= 100; ++i) Send(1, 2, i);
    for (uint32_t i = 1; i <= 100; ++i) EXPECT_EQ(NumberOf(receiver.Receive()), i);
    network_->tapswitchd().Kill();
    ASSERT_TRUE(WaitUntil([&] { return !network_->tapswitchd().running(); }));
    // Its sockets go a little later, as the kernel's ring lets go of them.
    EXPECT_TRUE(WaitUntil([&] {
      const uint64_t received = network_->host(2).CountFrames().received;
      for (uint32_t i = 1; i <= 100; ++i) Send(1, 2, i);
      std::this_thread::sleep_for(10ms);
      return network_->host(2).CountFrames().received == received;
    }));
    if (!has_tcx) continue;
    EXPECT_THAT(network_->sandbox().Run("tc qdisc show dev vnet1"),
                testing::Not(HasSubstr("clsact")));
  }
}

TEST_P(KernelForwardingTest, PortsThatComeAfterPrivilegesWereGivenUpTakePart) {
  Start({"--user=nobody"});
  if (Kernel().at("kernel_forwarding") == "off") GTEST_SKIP();
  client_->Call("port.del", {{"name", "vnet1"}});
  client_->Call("port.add", {{"port", "netdev:vnet1"}});
  ASSERT_TRUE(WaitUntil([&] { return Port("vnet1").at("link") == "up"; }));
  Introduce(1, 2);
  EXPECT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
}

TEST_P(KernelForwardingTest, WithoutTheCapabilityItSaysSoAndGoesOn) {
  Start({"--name=br0"}, {"netdev", "netdev"}, {"setpriv", "--bounding-set=-bpf,-sys_admin"});
  EXPECT_EQ(Kernel().at("kernel_forwarding"), "off");
  EXPECT_TRUE(network_->tapswitchd().WaitForLog("known conversations are not carried"));
  Introduce(1, 2);
  const PacketSocket receiver = network_->host(2).OpenPacketSocket();
  for (uint32_t i = 1; i <= 30; ++i) Send(1, 2, i);
  for (uint32_t i = 1; i <= 30; ++i) EXPECT_EQ(NumberOf(receiver.Receive()), i);
  EXPECT_EQ(Verdict(1, 2), "no");
}

// ---- TAPs of another process

TEST_P(GuestsTest, WhatAnInterfaceDropsIsCountedWithAReason) {
  StartGuests();
  if (IsSkipped()) return;
  ASSERT_TRUE(GuestsAreCarried());
  while (!guests_[1].Receive(100ms).empty()) {
  }
  const json before = Port("guest1");
  constexpr uint64_t kFrames = 3000;  // three times the queue of a TAP
  for (uint32_t i = 0; i < kFrames; ++i) SendByGuest(0, i);
  const json after = Port("guest1");
  uint64_t arrived = 0;
  while (!guests_[1].Receive(100ms).empty()) ++arrived;
  EXPECT_EQ(after.at("drops").at("egress_queue_full").get<uint64_t>() -
                before.at("drops").at("egress_queue_full").get<uint64_t>(),
            kFrames - arrived)
      << after.dump();
  EXPECT_EQ(after.at("stats64").at("tx").at("packets").get<uint64_t>() -
                before.at("stats64").at("tx").at("packets").get<uint64_t>(),
            arrived);
  const json source = Port("guest0");
  EXPECT_EQ(source.at("stats64").at("rx").at("packets").get<uint64_t>(),
            source.at("forwarded").get<uint64_t>() +
                source.at("stats64").at("rx").at("dropped").get<uint64_t>());
}

}  // namespace
}  // namespace tapswitch::kernel_forwarding_test
