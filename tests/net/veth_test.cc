// Ports on veth pairs that the switch makes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/carried_hosts.h"

namespace tapswitch::veth_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

const std::vector<std::string> kTwo{"veth", "veth"};

class VethTest : public CarriedHostsTest {
 protected:
  [[nodiscard]] bool IsThere(const std::string& interface) const {
    return network_->sandbox().TryRun("ip link show dev " + interface).status == 0;
  }
  // Frames that the switch's end of a port has sent.
  [[nodiscard]] uint64_t SentBy(const std::string& interface) const {
    const auto shown = json::parse(network_->sandbox().Run("ip -j -s link show dev " + interface));
    return shown.at(0).at("stats64").at("tx").at("packets");
  }
  // From the one host's own address to the other's.
  void SendBetweenHosts(uint32_t number) {
    sockets_.at(0).Send(Numbered(network_->host(2).mac(), network_->host(1).mac(), number));
  }
  [[nodiscard]] bool HostsAreCarried() {
    sockets_.at(1).Send(TestFrame(network_->host(1).mac(), network_->host(2).mac(), "here"));
    return WaitUntil([&] {
      for (uint32_t i = 0; i < 10; ++i) SendBetweenHosts(i);
      const json trace = client_->Call("trace", {{"in", "vnet1"},
                                                 {"src", network_->host(1).mac().ToString()},
                                                 {"dst", network_->host(2).mac().ToString()},
                                                 {"type", 0x88B5}});
      return trace.at("kernel") == "yes";
    });
  }
  // Sends numbered frames, which all arrive; returns how many of them the switch's end has sent.
  [[nodiscard]] uint64_t SentOfAHundred() {
    const PacketSocket receiver = network_->host(2).OpenPacketSocket();
    const uint64_t before = SentBy("vnet2");
    for (uint32_t i = 0; i < 100; ++i) SendBetweenHosts(i);
    for (uint32_t i = 0; i < 100; ++i) EXPECT_EQ(NumberOf(receiver.Receive()), i);
    return SentBy("vnet2") - before;
  }
  // Whether frames come to go that way, all of them.
  [[nodiscard]] bool Becomes(uint64_t sent_of_a_hundred) {
    return WaitUntil([&] { return HostsAreCarried() && SentOfAHundred() == sent_of_a_hundred; });
  }
};
INSTANTIATE_TEST_SUITE_P(Io, VethTest, kEachIo, IoName);

// ---- The pair

TEST_P(VethTest, HostsReachEachOtherAndThePairGoesWithTheSwitch) {
  network_.emplace(TestNetwork::Options{.io = io(), .ports = kTwo});
  for (const IpVersion version : {IpVersion::kV4, IpVersion::kV6}) {
    network_->host(1).Run("ping -c 20 -i 0.01 -W 10 " + network_->host(2).address(version));
  }
  EXPECT_THAT(network_->sandbox().Run("ip address show dev vnet1"), Not(HasSubstr("inet6")));
  network_->tapswitchd().Stop();
  EXPECT_FALSE(IsThere("vnet1"));
  EXPECT_NE(network_->host(1).TryRun("ip link show dev eth0").status, 0);
}

TEST_P(VethTest, APairThatPersistsIsTakenByTheNextSwitch) {
  network_.emplace(TestNetwork::Options{.io = io(), .ports = {"veth,persist", "veth"}});
  network_->host(1).Run("ip link set dev eth0 down");
  network_->host(1).Run("ip link set dev eth0 name vnet1");
  const std::string before = network_->host(1).Run("ip -o link show dev vnet1");
  network_->tapswitchd().Stop();
  ASSERT_TRUE(IsThere("vnet1"));
  EXPECT_FALSE(IsThere("vnet2"));
  SwitchProcess next({"--io=" + io(), "veth:vnet1,netns=h1,mtu=1400"});
  ASSERT_TRUE(next.WaitUntilReady()) << next.log();
  const std::string after = network_->host(1).Run("ip -o link show dev vnet1");
  EXPECT_EQ(after.substr(0, after.find(':')), before.substr(0, before.find(':'))) << "ifindex";
  EXPECT_THAT(after, HasSubstr("mtu 1400"));
  EXPECT_THAT(after, HasSubstr("UP"));
  next.Stop();
  EXPECT_FALSE(IsThere("vnet1")) << "persist was not asked for any more";
}

TEST_P(VethTest, APairWhoseNamespaceIsMadeAgainIsMadeAgain) {
  Start({}, kTwo);
  sockets_.clear();
  network_->sandbox().Run("ip netns delete h2");
  ASSERT_TRUE(WaitUntil([&] { return Port("vnet2").at("link") != "up"; }));
  EXPECT_TRUE(WaitUntil([&] { return !IsThere("vnet2"); }));
  network_->sandbox().Run("ip netns add h2");
  ASSERT_TRUE(
      WaitUntil([&] { return network_->host(2).TryRun("ip link show dev vnet2").status == 0; }));
  network_->host(2).Connect("vnet2");
  EXPECT_TRUE(WaitUntil([&] { return Port("vnet2").at("link") == "up"; }));
  network_->host(1).Run("ping -c 3 -i 0.1 -W 10 " + network_->host(2).address(IpVersion::kV4));
}

TEST_P(VethTest, AddedAndRemovedWhileTheSwitchRuns) {
  Start({}, kTwo);
  client_->Call("port.del", {{"name", "vnet2"}});
  EXPECT_TRUE(WaitUntil([&] { return !IsThere("vnet2"); }));
  client_->Call("port.add", {{"port", "veth:vnet2,netns=h2"}});
  EXPECT_TRUE(IsThere("vnet2"));
  EXPECT_TRUE(WaitUntil([&] { return Port("vnet2").at("link") == "up"; }));
}

TEST_P(VethTest, WhatCannotBeIsSaidAndLeavesNothing) {
  Start({}, kTwo);
  const auto refusal = [&](const std::string& port) {
    return client_->Refused("port.add", {{"port", port}});
  };
  EXPECT_THAT(refusal("veth:v9"), HasSubstr("it needs netns="));
  EXPECT_THAT(refusal("veth:v9,netns=nowhere"), HasSubstr("nowhere"));
  EXPECT_THAT(refusal("veth:v9,netns=/proc/self/ns/net"), HasSubstr("use tap:v9"));
  EXPECT_THAT(refusal("veth:v9,netns=h1,queues=2"), HasSubstr("queues"));
  network_->sandbox().Run("ip link add v9 type veth peer name v9x");
  EXPECT_THAT(refusal("veth:v9,netns=h1"), HasSubstr("delete it, or give the port another name"));
  network_->sandbox().Run("ip link delete v9");
  network_->host(1).Run("ip link add v9 type veth peer name v9x");
  EXPECT_THAT(refusal("veth:v9,netns=h1"), HasSubstr("in h1"));
  EXPECT_FALSE(IsThere("v9"));
}

// ---- Right into the station's end

TEST_P(VethTest, FramesToTheStationItselfSkipTheSwitchsEnd) {
  Start({}, kTwo);
  if (IsSkipped()) return;
  ASSERT_TRUE(HostsAreCarried());
  EXPECT_EQ(SentOfAHundred(), 0U);
  EXPECT_EQ(Kernel().at("flows").at(0).at("direct"), true) << Kernel().dump();
  const json port = Port("vnet2");
  EXPECT_GE(port.at("kernel").at("tx").get<uint64_t>(), 100U) << port.dump();
}

TEST_P(VethTest, FramesToStationsBehindItDoNot) {
  Start({}, kTwo);
  if (IsSkipped()) return;
  Introduce(1, 2);
  ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
  EXPECT_FALSE(Kernel().at("flows").at(0).contains("direct")) << Kernel().dump();
  const uint64_t before = SentBy("vnet2");
  for (uint32_t i = 0; i < 100; ++i) Send(1, 2, i);
  EXPECT_EQ(SentBy("vnet2"), before + 100);
}

TEST_P(VethTest, AQueueingDisciplineSeesAllFramesAsLongAsItIsThere) {
  Start({}, kTwo);
  if (IsSkipped()) return;
  ASSERT_TRUE(Becomes(0));
  network_->sandbox().Run("tc qdisc add dev vnet2 root tbf rate 1gbit burst 100k latency 50ms");
  EXPECT_TRUE(Becomes(100));
  network_->sandbox().Run("tc qdisc del dev vnet2 root");
  EXPECT_TRUE(Becomes(0));
}

TEST_P(VethTest, AnotherMtuOrAddressOfTheStationIsRespected) {
  Start({}, kTwo);
  if (IsSkipped()) return;
  ASSERT_TRUE(Becomes(0));
  network_->host(2).Run("ip link set dev eth0 mtu 1400");
  EXPECT_TRUE(Becomes(100));
  network_->host(2).Run("ip link set dev eth0 mtu 1500");
  EXPECT_TRUE(Becomes(0));
  network_->host(2).Run("ip link set dev eth0 address 02:00:00:00:00:77");
  EXPECT_TRUE(Becomes(100));
}

TEST_P(VethTest, NothingReachesAStationWhosePortIsDown) {
  Start({}, kTwo);
  if (IsSkipped()) return;
  ASSERT_TRUE(Becomes(0));
  network_->sandbox().Run("ip link set dev vnet2 down");
  ASSERT_TRUE(WaitUntil([&] { return Port("vnet2").at("link") != "up"; }));
  const uint64_t before = network_->host(2).CountFrames().received;
  for (uint32_t i = 0; i < 100; ++i) SendBetweenHosts(i);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(network_->host(2).CountFrames().received, before);
}

}  // namespace
}  // namespace tapswitch::veth_test
