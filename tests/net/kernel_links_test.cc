// Conversations that the kernel carries, and what becomes of their ports: interfaces that go and
// come back, lose their link, are joined to a loop, or become ports by themselves.

#include <gtest/gtest.h>
#include <net/if.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/carried_hosts.h"
#include "tests/support/numbered_stream.h"

namespace tapswitch::kernel_links_test {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

class KernelLinksTest : public CarriedHostsTest {
 protected:
  std::string Run(const std::string& command) { return network_->sandbox().Run(command); }

  // Makes the pair of a host anew, with this ifindex at the switch's end if there is one.
  void MakePair(int host, unsigned ifindex = 0) {
    const std::string port = network_->host(host).port();
    Run("ip link add " + port + (ifindex == 0 ? "" : " index " + std::to_string(ifindex)) +
        " up type veth peer name " + port + " netns " + network_->host(host).name());
    network_->host(host).Connect(port);
    ASSERT_TRUE(WaitUntil([&] { return Port(port).at("link") == "up"; }));
    sockets_.at(static_cast<size_t>(host) - 1) = network_->host(host).OpenPacketSocket(0);
  }
  void DeletePair(int host) {
    const std::string port = network_->host(host).port();
    Run("ip link del " + port);
    ASSERT_TRUE(WaitUntil([&] { return Port(port).at("link") != "up"; }));
  }

  [[nodiscard]] uint64_t Received(const std::string& port) {
    return Port(port).at("stats64").at("rx").at("packets");
  }
  void ExpectReceivedIsForwardedOrDropped(const std::string& name) {
    const json port = Port(name);
    const json& received = port.at("stats64").at("rx");
    EXPECT_EQ(received.at("packets").get<uint64_t>(),
              port.at("forwarded").get<uint64_t>() + received.at("dropped").get<uint64_t>())
        << port;
  }
  [[nodiscard]] uint64_t Drops(const std::string& port, const std::string& reason) {
    return Port(port).at("drops").value(reason, uint64_t{0});
  }

  // Frames that the kernel carries arrive, in their order.
  void ExpectArrivals(int from, int to, uint32_t first) {
    constexpr uint32_t kFrames = 50;
    const PacketSocket receiver = network_->host(to).OpenPacketSocket();
    for (uint32_t i = 0; i < kFrames; ++i) Send(from, to, first + i);
    for (uint32_t i = 0; i < kFrames; ++i) {
      ASSERT_EQ(NumberOf(receiver.Receive()), first + i);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Io, KernelLinksTest, kEachIo, IoName);

// ---- Where frames may go

TEST_P(KernelLinksTest, IsolatedPortsAreApartFromTheFirstFrameAfterTheAnswer) {
  Start({}, {"netdev", "netdev", "netdev"});
  if (IsSkipped()) return;
  client_->Call("link.set", {{"dev", "vnet1"}, {"isolated", true}});
  for (const int other : {2, 3}) {
    Introduce(1, other);
    ASSERT_TRUE(BecomesCarried(1, other)) << WhyNot(1, other);
  }
  const PacketSocket second = network_->host(2).OpenPacketSocket();
  client_->Call("link.set", {{"dev", "vnet2"}, {"isolated", true}});
  for (uint32_t i = 0; i < 100; ++i) Send(1, 2, i);
  EXPECT_TRUE(WaitUntil([&] { return Drops("vnet1", "egress_blocked") == 100; })) << Port("vnet1");
  EXPECT_TRUE(second.Receive(10ms).empty());
  EXPECT_EQ(Trace(1, 2).at("decision"), "drop");
  ASSERT_TRUE(BecomesCarried(1, 3)) << WhyNot(1, 3);
  ExpectArrivals(1, 3, 1000);
  ExpectReceivedIsForwardedOrDropped("vnet1");
}

TEST_P(KernelLinksTest, AHairpinPortIsGivenItsFramesBackAsLongAsItIsOne) {
  Start();
  if (IsSkipped()) return;
  client_->Call("link.set", {{"dev", "vnet1"}, {"hairpin", true}});
  const PacketSocket host = network_->host(1).OpenPacketSocket();
  const auto send = [&](uint32_t number) {
    sockets_[0].Send(Numbered(Station(7), Station(6), number));
  };
  sockets_[0].Send(Numbered(Station(6), Station(7), 0));
  const auto verdict = [&] {
    return client_
        ->Call("trace",
               {{"in", "vnet1"}, {"src", Station(6).ToString()}, {"dst", Station(7).ToString()}})
        .at("kernel");
  };
  ASSERT_TRUE(WaitUntil([&] {
    for (int i = 0; i < 10; ++i) send(0);
    return verdict() == "yes";
  }));
  const uint64_t carried = CarriedFrom("vnet1");
  for (uint32_t i = 1; i <= 100; ++i) send(i);
  for (uint32_t expected = 1; expected <= 100;) {
    const auto number = NumberOf(host.Receive());
    ASSERT_TRUE(number.has_value()) << expected;
    if (*number == 0) continue;  // sent before
    EXPECT_EQ(*number, expected++);
  }
  EXPECT_EQ(CarriedFrom("vnet1"), carried + 100);

  client_->Call("link.set", {{"dev", "vnet1"}, {"hairpin", false}});
  for (uint32_t i = 1; i <= 100; ++i) send(i);
  EXPECT_TRUE(WaitUntil([&] { return Drops("vnet1", "same_port") == 100; })) << Port("vnet1");
  EXPECT_TRUE(host.Receive(10ms).empty());
  ExpectReceivedIsForwardedOrDropped("vnet1");
}

// One of the two is a backup port, which frames do not pass by.
TEST_P(KernelLinksTest, ALoopOfTwoPortsLeavesWhatIsCarriedBesideItAlone) {
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
  client_->Call(
      "bridge.set",
      {{"stp_state", true}, {"forward_delay", "4s"}, {"hello_time", "1s"}, {"max_age", "6s"}});
  const auto states = [&] {
    std::vector<std::string> all;
    for (const json& link : client_->Call("link.list")) all.push_back(link.at("state"));
    return all;
  };
  ASSERT_TRUE(WaitUntil([&] {
    return states() == std::vector<std::string>{"forwarding", "forwarding"};
  })) << client_->Call("link.list");
  NumberedStream stream("h1", "h2", 1, 2);
  Run("ip link add loop1 up type veth peer name loop2");
  Run("ip link set loop2 up");
  for (const char* port : {"netdev:loop1", "netdev:loop2"}) {
    client_->Call("port.add", {{"port", port}});
  }
  EXPECT_TRUE(WaitUntil([&] {
    const auto all = states();
    return all.size() == 4 && std::count(all.begin(), all.end(), "forwarding") == 3;
  })) << client_->Call("link.list");
  // The tree has forgotten who is where.
  EXPECT_TRUE(WaitUntil([&] {
    Send(2, 1);
    return Verdict(1, 2) == "yes";
  })) << WhyNot(1, 2);
  const NumberedStream::Summary summary = stream.Finish();
  EXPECT_EQ(summary.missing, "");
  EXPECT_EQ(summary.repeated, 0U);
  EXPECT_EQ(CarriedFrom("loop1") + CarriedFrom("loop2"), 0U);
}

// ---- Interfaces that go, and come back

TEST_P(KernelLinksTest, AnInterfaceThatReturnsUnderItsNameIsCarriedToAndFromAgain) {
  Start();
  if (IsSkipped()) return;
  uint32_t number = 1000;
  for (const int gone : {2, 1}) {
    for (const bool has_its_index : {false, true}) {
      SCOPED_TRACE(std::to_string(gone) + (has_its_index ? " with its ifindex" : ""));
      Introduce(1, 2);
      ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
      ASSERT_TRUE(BecomesCarried(2, 1)) << WhyNot(2, 1);
      const std::string name = "vnet" + std::to_string(gone);
      const unsigned ifindex = if_nametoindex(name.c_str());
      DeletePair(gone);
      EXPECT_TRUE(WaitUntil([&] { return Kernel().at("flows").empty(); })) << Kernel().dump();
      MakePair(gone, has_its_index ? ifindex : 0);
      EXPECT_EQ(if_nametoindex(name.c_str()) == ifindex, has_its_index);
      Introduce(1, 2);
      ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
      ASSERT_TRUE(BecomesCarried(2, 1)) << WhyNot(2, 1);
      ExpectArrivals(1, 2, number += 100);
      ExpectArrivals(2, 1, number += 100);
      for (const char* port : {"vnet1", "vnet2"}) ExpectReceivedIsForwardedOrDropped(port);
    }
  }
}

TEST_P(KernelLinksTest, WhatWasDroppedStaysCountedWhenTheInterfaceReturnsWithItsIndex) {
  constexpr uint64_t kFrames = 50;
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  // The pair drops what is longer than the other end takes, of which the switch does not know.
  network_->host(2).Run("ip link set eth0 mtu 1000");
  const auto drop_some = [&] {
    ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
    const auto frame = FrameBuilder(Station(2), Station(1)).Type(kTestType).Pad(1200).Build();
    for (uint64_t i = 0; i < kFrames; ++i) sockets_[0].Send(frame);
  };
  drop_some();
  EXPECT_EQ(Drops("vnet2", "egress_queue_full"), kFrames) << Port("vnet2");
  const unsigned ifindex = if_nametoindex("vnet2");
  DeletePair(2);
  MakePair(2, ifindex);
  EXPECT_EQ(Drops("vnet2", "egress_queue_full"), kFrames) << Port("vnet2");
  network_->host(2).Run("ip link set eth0 mtu 1000");
  Introduce(1, 2);
  drop_some();
  EXPECT_EQ(Drops("vnet2", "egress_queue_full"), 2 * kFrames) << Port("vnet2");
}

TEST_P(KernelLinksTest, WhatAnInterfaceDroppedBeforeItBecameAPortIsNotItsOwn) {
  constexpr uint64_t kFrames = 50;
  Start();
  if (IsSkipped()) return;
  network_->sandbox().AddNetns("far");
  for (const std::string host : {"", ",host=shared"}) {
    SCOPED_TRACE(host);
    Run("ip link add late up type veth peer name eth0 mtu 1000 netns far");
    Run("ip -n far link set eth0 up");
    const PacketSocket own("late", 0);
    const auto long_frame = FrameBuilder(Station(9), Station(1)).Type(kTestType).Pad(1200).Build();
    for (uint64_t i = 0; i < kFrames; ++i) static_cast<void>(own.TrySend(long_frame));
    ASSERT_GE(json::parse(Run("ip -j -s link show late"))[0]
                  .at("stats64")
                  .at("tx")
                  .at("dropped")
                  .get<uint64_t>(),
              kFrames);
    client_->Call("port.add", {{"port", "netdev:late" + host}});
    client_->Call("fdb.replace",
                  {{"mac", Station(9).ToString()}, {"dev", "late"}, {"state", "static"}});
    Send(1, 2);
    ASSERT_TRUE(BecomesCarried(1, 9)) << WhyNot(1, 9);
    for (uint64_t i = 0; i < kFrames; ++i) Send(1, 9);
    const json port = Port("late");
    EXPECT_GE(port.at("kernel").at("tx").get<uint64_t>(), kFrames) << port;
    EXPECT_EQ(port.at("drops").value("egress_queue_full", uint64_t{0}), 0U) << port;
    client_->Call("port.del", {{"name", "late"}});
    Run("ip link del late");
  }
}

TEST_P(KernelLinksTest, InterfacesThatBecomePortsByThemselvesAreCarriedEachTime) {
  Start({"--attach=vnet*"}, {});
  if (Kernel().at("kernel_forwarding") == "off") GTEST_SKIP();
  const NetnsSandbox& sandbox = network_->sandbox();
  sandbox.AddNetns("h1");
  sandbox.AddNetns("h2");
  const auto make = [&](const std::string& number) {
    sandbox.Run("ip link add vnet" + number + " up type veth peer name eth0 netns h" + number);
    sandbox.Run("ip -n h" + number + " link set eth0 up");
    ASSERT_TRUE(WaitUntil([&] {
      const json ports = client_->Call("port.list");
      return std::any_of(ports.begin(), ports.end(), [&](const json& port) {
        return port.at("ifname") == "vnet" + number && port.at("link") == "up";
      });
    }));
  };
  make("1");
  for (int round = 0; round < 3; ++round) {
    make("2");
    std::optional<NumberedStream> forth(std::in_place, "h1", "h2", 1, 2);
    std::optional<NumberedStream> back(std::in_place, "h2", "h1", 2, 1);
    EXPECT_TRUE(WaitUntil([&] { return Kernel().at("flows").size() == 2; })) << Kernel().dump();
    const uint64_t carried = CarriedFrom("vnet1");
    EXPECT_TRUE(WaitUntil([&] { return CarriedFrom("vnet1") > carried + 200; }));
    EXPECT_EQ(forth->Finish().repeated, 0U);
    EXPECT_EQ(back->Finish().repeated, 0U);
    forth.reset();
    back.reset();
    sandbox.Run("ip link del vnet2");
    EXPECT_TRUE(WaitUntil([&] { return client_->Call("port.list").size() == 1; }));
    EXPECT_TRUE(Kernel().at("flows").empty()) << Kernel().dump();
  }
}

// ---- A link that is lost

// Of all that was sent each frame has arrived, or is among the drops of one of the ports.
TEST_P(KernelLinksTest, WhatTheOtherPortCannotTakeWhileItIsDownIsCountedWithAReason) {
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  client_->Call("fdb.replace",
                {{"mac", Station(2).ToString()}, {"dev", "vnet2"}, {"state", "static"}});
  const std::vector<std::pair<std::string, std::string>> ways{
      {"ip link set vnet2 down", "ip link set vnet2 up"},
      {"ip -n h2 link set eth0 down", "ip -n h2 link set eth0 up"},
  };
  for (const auto& [down, up] : ways) {
    SCOPED_TRACE(down);
    ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
    const json from = Port("vnet1");
    const json to = Port("vnet2");
    NumberedStream stream("h1", "h2", 1, 2);
    ASSERT_TRUE(WaitUntil([&] { return stream.received() > 200; }));
    Run(down);
    ASSERT_TRUE(WaitUntil([&] { return Port("vnet2").at("link") != "up"; }));
    const uint64_t blocked = Drops("vnet1", "egress_blocked");
    EXPECT_TRUE(WaitUntil([&] { return Drops("vnet1", "egress_blocked") > blocked + 100; }))
        << Port("vnet1");
    Run(up);
    ASSERT_TRUE(WaitUntil([&] { return Port("vnet2").at("link") == "up"; }));
    const uint64_t carried = CarriedFrom("vnet1");
    EXPECT_TRUE(WaitUntil([&] { return CarriedFrom("vnet1") > carried + 200; })) << WhyNot(1, 2);
    const NumberedStream::Summary summary = stream.Finish();
    EXPECT_EQ(summary.repeated, 0U);
    const auto since = [](const json& before, const json& after, const char* reason) {
      return after.at("drops").value(reason, uint64_t{0}) -
             before.at("drops").value(reason, uint64_t{0});
    };
    const json now = Port("vnet2");
    const uint64_t unsent = since(from, Port("vnet1"), "egress_blocked");
    EXPECT_EQ(Received("vnet1") - from.at("stats64").at("rx").at("packets").get<uint64_t>(),
              summary.sent);
    EXPECT_EQ(unsent + since(to, now, "link_down") + since(to, now, "egress_queue_full"),
              summary.lost)
        << now;
    EXPECT_EQ(now.at("stats64").at("tx").at("packets").get<uint64_t>() -
                  to.at("stats64").at("tx").at("packets").get<uint64_t>(),
              summary.sent - summary.lost);
    ExpectReceivedIsForwardedOrDropped("vnet1");
  }
}

}  // namespace
}  // namespace tapswitch::kernel_links_test
