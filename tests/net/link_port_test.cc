// Switches that are joined by link ports: what passes, and what one end sees of the other's life.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/numbered_stream.h"
#include "tests/support/payload_transfer.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/upgrade.h"
#include "tests/support/wait_until.h"

namespace tapswitch::link_port_test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

std::string SocketOf(int number) { return "/run/tapswitch/s" + std::to_string(number) + ".sock"; }

json PortOf(int number, const std::string& name) {
  return ControlClient(SocketOf(number)).Call("port.list", {{"name", name}}).at(0);
}

// Switches s1 to sN in a row: port `right` of each waits for port `left` of the next. Host 1 is at
// the first and host 2 at the last.
class LinkPortTest : public SwitchTest {
 protected:
  void StartRow(int length, const std::vector<std::string>& flags = {}) {
    sandbox_.emplace(NetnsSandbox::Ipv6::kOn);
    for (int number : {1, 2}) hosts_.emplace_back(*sandbox_, number);
    flags_ = flags;
    length_ = length;
    // The last first, so that each waits for the one before.
    for (int number = 1; number <= length; ++number) switches_.emplace_back();
    for (int number = length; number >= 1; --number) StartSwitch(number);
    ConnectHost(1, 1);
    ConnectHost(2, length);
    for (int number = 1; number < length; ++number) ExpectJoined(number);
  }

  void StartSwitch(int number) {
    std::vector<std::string> arguments{"--io=" + io(), "--name=s" + std::to_string(number)};
    arguments.insert(arguments.end(), flags_.begin(), flags_.end());
    if (number > 1) {
      arguments.push_back("link:left,to=s" + std::to_string(number - 1) + ":right");
    }
    if (number < length_) arguments.emplace_back("link:right");
    auto& process = switches_.at(static_cast<size_t>(number) - 1);
    process.emplace(arguments);
    ASSERT_TRUE(process->WaitUntilReady()) << process->log();
  }
  [[nodiscard]] SwitchProcess& process(int number) {
    return *switches_.at(static_cast<size_t>(number) - 1);
  }

  void ConnectHost(int host, int number) {
    const TestHost& it = hosts_.at(static_cast<size_t>(host) - 1);
    ControlClient(SocketOf(number))
        .Call("port.add", {{"port", it.port() + ",netns=" + it.name() + ",up=off"}});
    it.Connect(it.port());
    ASSERT_TRUE(WaitUntil([&] { return PortOf(number, it.port())["link"] == "up"; }));
  }

  // Waits until the link between a switch and the next is up.
  static void ExpectJoined(int number) {
    ASSERT_TRUE(WaitUntil([&] { return PortOf(number, "right")["link"] == "up"; }))
        << PortOf(number, "right").dump(1);
    ASSERT_TRUE(WaitUntil([&] { return PortOf(number + 1, "left")["link"] == "up"; }))
        << PortOf(number + 1, "left").dump(1);
  }

  [[nodiscard]] const TestHost& host(int number) const {
    return hosts_.at(static_cast<size_t>(number) - 1);
  }
  [[nodiscard]] bool Reaches(int from, int to) const {
    return host(from).TryRun("ping -c 1 -W 1 " + host(to).address(IpVersion::kV4)).status == 0;
  }
  void ExpectReaches() {
    EXPECT_TRUE(WaitUntil([&] { return Reaches(1, 2); }));
  }

  std::optional<NetnsSandbox> sandbox_;
  std::deque<TestHost> hosts_;
  std::deque<std::optional<SwitchProcess>> switches_;
  std::vector<std::string> flags_;
  int length_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Io, LinkPortTest, kEachIo, IoName);

TEST_P(LinkPortTest, TwoSwitchesAreOneNetwork) {
  StartRow(2);
  for (const IpVersion version : {IpVersion::kV4, IpVersion::kV6}) {
    ExpectTcpCarries(host(1), host(2), version, 4'000'000);
    ExpectTcpCarries(host(2), host(1), version, 4'000'000);
    ExpectUdpCarries(host(1), host(2), version, std::vector<size_t>{1, 1472, 1473, 60'000});
  }
  const json port = PortOf(2, "left");
  EXPECT_EQ(port["details"]["to"], "s1:right");
  EXPECT_EQ(port["details"]["peer"], "switch s1 port right");
  EXPECT_EQ(PortOf(1, "right")["details"]["peer"], "switch s2 port left");
}

// What is to be cut crosses the link whole, so the link carries fewer frames than there are
// segments.
TEST_P(LinkPortTest, SegmentsAreNotCutForTheLink) {
  StartRow(2);
  constexpr size_t kSize = 30'000'000;
  constexpr size_t kSegment = 1448;
  ExpectTcpCarries(host(1), host(2), IpVersion::kV4, kSize);
  const auto frames = PortOf(1, "right")["stats64"]["tx"]["packets"].get<size_t>();
  EXPECT_LT(frames, kSize / kSegment / 2);
  EXPECT_EQ(PortOf(1, "right")["drops"].value("unsegmentable", 0), 0);
}

TEST_P(LinkPortTest, TenSwitchesInARowAreOneNetwork) {
  StartRow(10);
  ExpectTcpCarries(host(1), host(2), IpVersion::kV4, 20'000'000);
  ExpectTcpCarries(host(2), host(1), IpVersion::kV6, 2'000'000);
}

TEST_P(LinkPortTest, VlansStayApartOnATrunk) {
  StartRow(2, {"--vlan_filtering"});
  const auto tapctl = [&](int number, const std::string& command) {
    return sandbox_->Run(std::string(TAPCTL_PATH) + " -B s" + std::to_string(number) + " " +
                         command);
  };
  hosts_.emplace_back(*sandbox_, 3);
  ConnectHost(3, 2);
  for (const int vid : {10, 20}) {
    tapctl(1, "vlan add dev right vid " + std::to_string(vid));
    tapctl(2, "vlan add dev left vid " + std::to_string(vid));
  }
  tapctl(1, "vlan add dev vnet1 vid 10 pvid untagged");
  tapctl(2, "vlan add dev vnet2 vid 10 pvid untagged");
  tapctl(2, "vlan add dev vnet3 vid 20 pvid untagged");
  EXPECT_TRUE(WaitUntil([&] { return Reaches(1, 2); }));
  EXPECT_FALSE(Reaches(1, 3));
  ExpectTcpCarries(host(1), host(2), IpVersion::kV4, 4'000'000);
  EXPECT_EQ(PortOf(1, "right")["drops"].value("unsegmentable", 0), 0);
}

TEST_P(LinkPortTest, EitherEndMayEndAndReturn) {
  StartRow(2);
  for (const int number : {1, 2}) {
    for (const bool is_killed : {false, true}) {
      SCOPED_TRACE("switch " + std::to_string(number) + (is_killed ? " killed" : " stopped"));
      const int other = 3 - number;
      const std::string far_port = other == 1 ? "right" : "left";
      if (is_killed) {
        process(number).Kill();
      } else {
        process(number).Stop();
      }
      ASSERT_TRUE(WaitUntil([&] { return PortOf(other, far_port)["link"] == "down"; }));
      EXPECT_EQ(PortOf(other, far_port)["reason"],
                other == 1 ? "waiting for a link to s1:right" : "waiting for switch s1 port right");
      StartSwitch(number);
      if (HasFatalFailure()) return;
      // The host's own TAP went with its switch.
      const TestHost& it = host(number);
      static_cast<void>(it.TryRun("ip link delete eth0"));
      ConnectHost(number, number);
      ExpectJoined(1);
      ExpectReaches();
    }
  }
}

// The other end is there and reads nothing: only what is for it is lost, and counted.
TEST_P(LinkPortTest, AStoppedEndCostsNothingElse) {
  StartRow(2);
  hosts_.emplace_back(*sandbox_, 3);
  ConnectHost(3, 1);
  ExpectReaches();
  kill(process(2).pid(), SIGSTOP);
  const PacketSocket sender = host(1).OpenPacketSocket(0);
  const auto frame = TestFrame(kBroadcastAddress, Station(1), "into a queue");
  EXPECT_TRUE(WaitUntil([&] {
    for (int i = 0; i < 2000; ++i) static_cast<void>(sender.TrySend(frame));
    return PortOf(1, "right")["drops"].value("queue_full", 0) > 0;
  }));
  EXPECT_TRUE(Reaches(1, 3));
  EXPECT_EQ(PortOf(1, "right")["link"], "up");
  kill(process(2).pid(), SIGCONT);
  ExpectReaches();
}

TEST_P(LinkPortTest, AnUpgradeOfEitherEndLosesNoFrameAndEndsNoLink) {
  StartRow(2);
  ExpectReaches();
  // A TAP of several queues sends a flow by the queue that took the last frame the other way (tun's
  // flow table). So the first frame back can have some overtake others, which is no fault.
  for (const auto& [from, to] : {std::pair(1, 2), std::pair(2, 1)}) {
    NumberedStream first(host(from).name(), host(to).name(), from, to);
    ASSERT_TRUE(WaitUntil([&] { return first.received() > 0; }));
    static_cast<void>(first.Finish());
  }
  NumberedStream forth("h1", "h2", 1, 2);
  NumberedStream back("h2", "h1", 2, 1);
  ASSERT_TRUE(WaitUntil([&] { return forth.received() > 100 && back.received() > 100; }));
  for (int round = 0; round < 2; ++round) {
    for (const int number : {1, 2}) Upgrade(process(number), json::object(), SocketOf(number));
  }
  const uint32_t received = forth.received();
  EXPECT_TRUE(WaitUntil([&] { return forth.received() > received + 100; }));
  for (NumberedStream* stream : {&forth, &back}) {
    const NumberedStream::Summary summary = stream->Finish();
    EXPECT_EQ(summary.missing, "") << summary.repeated << " were overtaken";
  }
  EXPECT_EQ(PortOf(1, "right")["details"]["links"], "1");
  EXPECT_EQ(PortOf(2, "left")["details"]["links"], "1");
}

// The new process of a switch whose port waits goes on trying.
TEST_P(LinkPortTest, AfterAnUpgradeAPortStillWaits) {
  StartRow(2);
  process(1).Stop();
  ASSERT_TRUE(WaitUntil([&] { return PortOf(2, "left")["link"] == "down"; }));
  Upgrade(process(2), json::object(), SocketOf(2));
  StartSwitch(1);
  ExpectJoined(1);
}

TEST_P(LinkPortTest, SavedAndRestoredItIsTheSame) {
  StartRow(2);
  ControlClient client(SocketOf(2));
  const json saved = client.Call("config.save");
  EXPECT_NE(std::find(saved.begin(), saved.end(), "port add link:left,to=s1:right"), saved.end())
      << saved.dump(1);
  client.Call("port.del", {{"name", "left"}});
  ASSERT_TRUE(WaitUntil([&] { return PortOf(1, "right")["link"] == "down"; }));
  client.Call("port.add", {{"port", "link:left,to=/run/tapswitch/s1.sock:right"}});
  ExpectJoined(1);
}

TEST_P(LinkPortTest, WhatCannotBeIsRefusedWithTheCure) {
  StartRow(2);
  ControlClient client(SocketOf(1));
  EXPECT_THAT(client.Refused("port.add", {{"port", "link:x,to=s1"}}),
              AllOf(HasSubstr("'x'"), HasSubstr("this port itself")));
  client.Call("port.add", {{"port", "link:second,to=s1:right"}});
  EXPECT_TRUE(WaitUntil([&] {
    return PortOf(1, "second")["reason"].get<std::string>().find("linked with another one") !=
           std::string::npos;
  })) << PortOf(1, "second").dump(1);
  ExpectReaches();
}

// Two ports of one switch: the cable is a loop, and the spanning tree cuts it.
TEST_P(LinkPortTest, TheSpanningTreeCutsALinkOfASwitchWithItself) {
  StartRow(2, {});
  ControlClient client(SocketOf(1));
  client.Call("bridge.set", {{"stp_state", true}});
  client.Call("port.add", {{"port", "link:one"}});
  client.Call("port.add", {{"port", "link:other,to=s1:one"}});
  const auto is_blocking = [&](const char* port) {
    const std::string state = PortOf(1, port)["state"];
    return state == "blocking" || state == "discarding";
  };
  EXPECT_TRUE(WaitUntil([&] { return is_blocking("one") || is_blocking("other"); }));
  ExpectReaches();
}

}  // namespace
}  // namespace tapswitch::link_port_test
