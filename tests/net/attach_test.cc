// Interfaces that appear beside a running switch become ports of it, and stop to be when they go.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/background_traffic.h"
#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/sanitized.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::attach_test {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Two hosts on TAPs of the switch, vnet1 and vnet2, in their namespaces. What the tests make is in
// the namespace where the switch runs: interface NAME, and peerNAME at its other end.
class AttachTest : public SwitchTest {
 protected:
  void StartSwitch(const std::string& attach, const std::vector<std::string>& flags = {}) {
    std::vector<std::string> all{"--attach=" + attach};
    all.insert(all.end(), flags.begin(), flags.end());
    network_.emplace(TestNetwork::Options{.io = io(),
                                          .ports = std::vector<std::string>(2),
                                          .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces,
                                          .flags = all});
    client_.emplace();
  }

  void Run(const std::string& command) { network_->sandbox().Run(command); }
  void MakeVeth(const std::string& name) {
    Run("ip link add " + name + " type veth peer name peer" + name + " && ip link set peer" + name +
        " up");
  }
  void MakeVethUp(const std::string& name) {
    MakeVeth(name);
    Run("ip link set " + name + " up");
  }

  json Call(const std::string& method, const json& params = json::object()) {
    return client_->Call(method, params);
  }
  std::vector<std::string> PortNames() {
    std::vector<std::string> names;
    for (const json& port : Call("port.list")) names.push_back(port["ifname"]);
    return names;
  }
  bool HasPort(const std::string& name) {
    const auto names = PortNames();
    return std::find(names.begin(), names.end(), name) != names.end();
  }
  json MemberOf(const std::string& method, const std::string& port, const std::string& member) {
    for (const json& one : Call(method, json::object())) {
      if (one.at("ifname") == port) return one.value(member, json());
    }
    return nullptr;
  }
  bool WaitForPort(const std::string& name) {
    // One question: between two, a port may be replaced.
    return WaitUntil([&] { return MemberOf("port.list", name, "link") == "up"; });
  }
  bool WaitUntilGone(const std::string& name) {
    return WaitUntil([&] { return !HasPort(name); });
  }
  json Port(const std::string& name) { return Call("port.list", {{"name", name}}).at(0); }
  json Link(const std::string& name) { return Call("link.list", {{"dev", name}}).at(0); }

  // Whatever happened to interfaces before is settled: a later one has been attached and has gone.
  void Settle() {
    const std::string name = "fence" + std::to_string(++fences_);
    MakeVethUp(name);
    ASSERT_TRUE(WaitForPort(name));
    Run("ip link del " + name);
    ASSERT_TRUE(WaitUntilGone(name));
  }

  std::optional<TestNetwork> network_;
  std::optional<ControlClient> client_;
  int fences_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Io, AttachTest, kEachIo, IoName);

TEST_P(AttachTest, AnInterfaceIsAPortFromWhenItComesUpUntilItGoes) {
  StartSwitch("guest*,isolated,max_macs=4;fence*");
  MakeVeth("guest1");
  Settle();
  EXPECT_FALSE(HasPort("guest1")) << "it is down";
  Run("ip link set guest1 up");
  ASSERT_TRUE(WaitForPort("guest1"));

  EXPECT_EQ(Port("guest1")["type"], "netdev");
  EXPECT_EQ(Port("guest1")["attached_by"], "guest*");
  EXPECT_EQ(Link("guest1")["isolated"], true);
  EXPECT_EQ(Link("guest1")["fdb_max_learned"], 4);
  const PacketSocket guest("peerguest1");
  const PacketSocket host = network_->host(1).OpenPacketSocket(static_cast<uint16_t>(kTestType));
  const auto frame = TestFrame(kBroadcastAddress, Station(1), "from the guest");
  guest.Send(frame);
  EXPECT_EQ(host.Receive(), frame);

  Run("ip link set guest1 down");
  Run("ip link set guest1 up");
  ASSERT_TRUE(WaitForPort("guest1")) << "down is not gone";
  Run("ip link del guest1");
  EXPECT_TRUE(WaitUntilGone("guest1"));
  EXPECT_THAT(PortNames(), ElementsAre("vnet1", "vnet2"));
}

TEST_P(AttachTest, WhatIsThereAtTheStartIsAttachedBeforeTheSwitchIsReady) {
  NetnsSandbox sandbox;
  sandbox.Run("ip link add guest1 type veth peer name p1 && ip link set guest1 up");
  sandbox.Run("ip link add guest2 type veth peer name p2");
  sandbox.Run("ip link add other type veth peer name p3 && ip link set other up");
  SwitchProcess tapswitchd({"--io=" + io(), "--attach=guest*"});
  ASSERT_TRUE(tapswitchd.WaitUntilReady());
  ControlClient client;
  const json ports = client.Call("port.list");
  ASSERT_EQ(ports.size(), 1U) << ports;
  EXPECT_EQ(ports[0]["ifname"], "guest1");
}

TEST_P(AttachTest, NothingElseIsTouched) {
  StartSwitch("vnet*;mynet;fence*");
  // A port's own TAP, here under its own name and under another.
  Call("port.add", {{"port", "vnet7"}});
  Call("port.add", {{"port", "mine"}});
  Run("ip link set mine down && ip link set mine name mynet && ip link set mynet up");
  // The name of a port whose TAP is elsewhere; and a name that matches nothing.
  MakeVethUp("vnet1");
  MakeVethUp("other");
  Settle();
  EXPECT_THAT(PortNames(), ElementsAre("vnet1", "vnet2", "vnet7", "mine"));
  EXPECT_EQ(Port("vnet1")["type"], "tap");
  EXPECT_EQ(Port("vnet7")["type"], "tap");
  EXPECT_EQ(Port("mine")["link"], "up");
}

TEST_P(AttachTest, APortThatSomebodyRemovesComesBackOnlyWithANewInterface) {
  StartSwitch("guest*;fence*");
  MakeVethUp("guest1");
  ASSERT_TRUE(WaitForPort("guest1"));
  Call("port.del", {{"name", "guest1"}});
  Run("ip link set guest1 down && ip link set guest1 up");
  Settle();
  EXPECT_FALSE(HasPort("guest1"));

  Run("ip link del guest1");
  MakeVethUp("guest1");
  EXPECT_TRUE(WaitForPort("guest1"));
}

TEST_P(AttachTest, AnInterfaceOfTheSameNameGetsAPortOfItsOwn) {
  StartSwitch("guest*");
  for (int round = 0; round < 10; ++round) {
    Run("ip -batch - <<END\n"
        "link add guest1 type veth peer name p1\n"
        "link set guest1 up\n"
        "link del guest1\n"
        "link add guest1 type veth peer name p1\n"
        "link set guest1 up\n"
        "link set p1 up\nEND");
    ASSERT_TRUE(WaitForPort("guest1"));
    const json index = json::parse(network_->sandbox().Run("ip -j link show guest1"))[0]["ifindex"];
    ASSERT_TRUE(WaitUntil([&] { return MemberOf("link.list", "guest1", "ifindex") == index; }));
    Run("ip link del guest1");
    ASSERT_TRUE(WaitUntilGone("guest1"));
  }
}

TEST_P(AttachTest, ARenamedInterfaceIsAnotherOne) {
  StartSwitch("guest*");
  MakeVethUp("guest1");
  ASSERT_TRUE(WaitForPort("guest1"));
  Run("ip link set guest1 down && ip link set guest1 name guest2 && ip link set guest2 up");
  EXPECT_TRUE(WaitForPort("guest2"));
  EXPECT_FALSE(HasPort("guest1"));
  Run("ip link set guest2 down && ip link set guest2 name away && ip link set away up");
  EXPECT_TRUE(WaitUntilGone("guest2"));
}

TEST_P(AttachTest, OneThatLeavesTheNamespaceHasGone) {
  StartSwitch("guest*");
  MakeVethUp("guest1");
  ASSERT_TRUE(WaitForPort("guest1"));
  Run("ip link set guest1 netns h1");
  EXPECT_TRUE(WaitUntilGone("guest1"));
  Run("ip -n h1 link set guest1 netns $$ && ip link set guest1 up");
  EXPECT_TRUE(WaitForPort("guest1"));
}

TEST_P(AttachTest, IsNoPartOfTheSavedConfiguration) {
  StartSwitch("guest*");
  MakeVethUp("guest1");
  ASSERT_TRUE(WaitForPort("guest1"));
  Call("fdb.add", {{"mac", Station(1).ToString()}, {"dev", "guest1"}, {"state", "static"}});
  const std::string saved = Call("config.save").dump();
  EXPECT_THAT(saved, Not(HasSubstr("guest1")));
  EXPECT_THAT(saved, HasSubstr("port add vnet1"));
}

TEST_P(AttachTest, AnEphemeralPortGoesWithItsInterface) {
  StartSwitch("guest*,isolated");
  MakeVeth("some1");
  MakeVeth("guest1");
  Call("port.add", {{"port", "netdev:some1"}, {"ephemeral", true}});
  Call("port.add", {{"port", "netdev:guest1"}, {"ephemeral", true}});
  Call("port.add", {{"port", "netdev:guest1"}, {"ephemeral", true}});
  EXPECT_EQ(Link("some1")["isolated"], false);
  EXPECT_EQ(Link("guest1")["isolated"], true) << "the pattern's settings hold for it";
  Run("ip link set guest1 up");
  EXPECT_TRUE(WaitForPort("guest1"));
  Run("ip link del some1 && ip link del guest1");
  EXPECT_TRUE(WaitUntilGone("some1"));
  EXPECT_TRUE(WaitUntilGone("guest1"));
}

TEST_P(AttachTest, EphemeralIsRefusedWhereItMakesNoSense) {
  StartSwitch("guest*");
  const auto refused = [&](json params) {
    params["ephemeral"] = true;
    return client_->Refused("port.add", params);
  };
  EXPECT_THAT(refused({{"port", "vnet9"}}), HasSubstr("only a netdev port"));
  EXPECT_THAT(refused({{"port", "netdev:none"}}), HasSubstr("there is no such interface none"));
  EXPECT_THAT(refused({{"port", "netdev:lo"}, {"netns", 1}}), HasSubstr("network namespace"));
  MakeVeth("some1");
  EXPECT_THAT(refused({{"port", "netdev:some1"}, {"ifindex", 1}}), HasSubstr("no such interface"));
  EXPECT_THAT(refused({{"port", "netdev:vnet1"}}), HasSubstr("no such interface"));
  EXPECT_FALSE(HasPort("some1"));
}

TEST_P(AttachTest, GoesOnWhenTheSwitchHasGivenUpItsPrivileges) {
  StartSwitch("guest*", {"--user=nobody"});
  MakeVethUp("guest1");
  EXPECT_TRUE(WaitForPort("guest1"));
  Run("ip link del guest1");
  EXPECT_TRUE(WaitUntilGone("guest1"));
}

TEST_P(AttachTest, AFloodOfInterfacesDoesNotHurt) {
  // To attach one, and to let go of it, takes the kernel up to a tenth of a second on a busy
  // machine.
  constexpr std::chrono::seconds kLimit(240);
  const int count = io() == "uring" && !kIsSanitized ? 250 : 50;
  StartSwitch("guest*");
  Call("fdb.add", {{"mac", Station(2).ToString()}, {"dev", "vnet2"}, {"state", "static"}});
  SteadyStream stream(network_->host(1), network_->host(2), SteadyStream::kFullRate / 4);
  ASSERT_TRUE(stream.DeliversMore(100));
  std::string add;
  std::string del;
  for (int i = 0; i < count; ++i) {
    const std::string name = "guest" + std::to_string(i);
    add += "tuntap add dev " + name + " mode tap\nlink set " + name + " up\n";
    del += "link del " + name + "\n";
  }
  Run("ip -batch - <<END\n" + add + "END");
  ASSERT_TRUE(
      WaitUntil([&] { return PortNames().size() == static_cast<size_t>(count) + 2; }, kLimit));
  Run("ip -batch - <<END\n" + del + "END");
  ASSERT_TRUE(WaitUntil([&] { return PortNames().size() == 2; }, kLimit));
  ASSERT_TRUE(stream.DeliversMore(100));
  EXPECT_EQ(stream.Finish().fault, "");
}

}  // namespace
}  // namespace tapswitch::attach_test
