// What happens to one port is that port's business: the others do not notice.

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/background_traffic.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"

namespace tapswitch::port_failure_test {
namespace {

// A port that fails while frames pass from h3 to h4.
struct Failure {
  std::string_view name;
  int host;              // that fails
  std::string command;   // that makes it
  std::string log_line;  // that tells of it

  friend void PrintTo(const Failure& failure, std::ostream* out) { *out << failure.name; }
};

const std::array<Failure, 5> kFailures{{
    {"receiver_namespace_deleted", 4, "ip netns delete h4", "port vnet4: device was deleted"},
    {"receiver_deleted", 4, "ip -n h4 link delete eth0", "port vnet4: device was deleted"},
    {"receiver_down", 4, "ip -n h4 link set eth0 down", "port vnet4: interface is down"},
    {"sender_deleted", 3, "ip -n h3 link delete eth0", "port vnet3: device was deleted"},
    {"sender_down", 3, "ip -n h3 link set eth0 down", "port vnet3: interface is down"},
}};

class PortFailureTest : public SwitchCaseTest<Failure> {};

INSTANTIATE_TEST_SUITE_P(All, PortFailureTest,
                         testing::Combine(kEachIo, testing::ValuesIn(kFailures)),
                         IoAndCaseName<Failure>);

// Of a type that the steady stream does not hear.
std::vector<std::byte> HereIAm(MacAddress station) {
  return FrameBuilder(kBroadcastAddress, station).Type(EtherType{0x88B6}).Pad(60).Build();
}

TEST_P(PortFailureTest, OthersGoOnWithoutLossOrInterruption) {
  const Failure& failure = test_case();
  TestNetwork network(SilentHosts(io(), 4));
  SwitchProcess& tapswitchd = network.tapswitchd();
  const size_t lines_before = tapswitchd.CountInLog(failure.log_line);
  network.host(4).OpenPacketSocket(0).Send(HereIAm(Station(4)));
  SteadyStream stream(network.host(1), network.host(2));
  {
    const FrameFlood load(network.host(3), Station(3), Station(4));
    ASSERT_TRUE(stream.DeliversMore(100));

    network.sandbox().Run(failure.command);

    EXPECT_TRUE(tapswitchd.WaitForLog(failure.log_line, lines_before + 1));
    EXPECT_TRUE(stream.DeliversMore(100));
  }
  const SteadyStream::Summary summary = stream.Finish();
  EXPECT_EQ(summary.fault, "");
  EXPECT_LT(summary.longest_wait, std::chrono::seconds(5));
  tapswitchd.Stop();
  EXPECT_EQ(tapswitchd.CountInLog(failure.log_line), lines_before + 1) << "once, not once a frame";
}

class PortReturnTest : public SwitchTest {};
INSTANTIATE_TEST_SUITE_P(Io, PortReturnTest, kEachIo, IoName);

void ExpectPing(const TestHost& from, const TestHost& to) {
  for (const IpVersion version : {IpVersion::kV4, IpVersion::kV6}) {
    from.Run("ping -q -i 0.1 -c 1 -w 20 " + to.address(version));
  }
}

TEST_P(PortReturnTest, AnInterfaceThatWasDownWorksAgainOnceItIsUp) {
  TestNetwork network({.io = io(), .ports = std::vector<std::string>(3)});
  SwitchProcess& tapswitchd = network.tapswitchd();
  ExpectPing(network.host(1), network.host(3));
  for (size_t round = 1; round <= 3; ++round) {
    network.sandbox().Run("ip -n h3 link set eth0 down");
    ASSERT_TRUE(tapswitchd.WaitForLog("port vnet3: interface is down", round));
    ExpectPing(network.host(1), network.host(2));

    // Its IPv6 address went when it was down.
    network.sandbox().Run("ip -n h3 link set eth0 up");
    network.sandbox().Run("ip -n h3 address add fd83::3/64 dev eth0 nodad");
    ASSERT_TRUE(tapswitchd.WaitForLog("port vnet3: up", round));
    ExpectPing(network.host(1), network.host(3));
    ExpectPing(network.host(3), network.host(2));
  }
}

TEST_P(PortReturnTest, AnInterfaceMovedToAnotherNamespaceWorksThere) {
  const NetnsSandbox sandbox(NetnsSandbox::Ipv6::kOn);
  SwitchProcess tapswitchd({"--io=" + io(), "vnet1", "vnet2"});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  const TestHost h1(sandbox, 1);
  const TestHost h2(sandbox, 2);
  const TestHost h3(sandbox, 3);

  sandbox.Run("ip link set vnet1 netns h1 && ip link set vnet2 netns h2");
  h1.Connect("vnet1");
  h2.Connect("vnet2");
  ExpectPing(h1, h2);

  sandbox.Run("ip -n h2 link set eth0 netns h3");
  h3.Connect("eth0");
  ExpectPing(h1, h3);
  ExpectPing(h3, h1);
}

TEST_P(PortReturnTest, FramesFollowTheMtuThatAnInterfaceIsGiven) {
  TestNetwork network({.io = io(), .ports = {"mtu=9000", ""}});
  network.sandbox().Run("ip -n h2 link set eth0 mtu 9000");
  network.host(1).Run("ping -q -M do -s 8972 -i 0.1 -c 1 -w 20 " +
                      network.host(2).address(IpVersion::kV4));
}

}  // namespace
}  // namespace tapswitch::port_failure_test
