// Interfaces that exist as ports: their address, and what happens to them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::netdev_test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kOwn = "02:00:00:00:aa:01";
constexpr const char* kOther = "02:00:00:00:aa:02";

class NetdevTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    network_.emplace(TestNetwork::Options{.io = io(),
                                          .ports = {"netdev", "netdev"},
                                          .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces});
    client_.emplace();
  }

  void Run(const std::string& command) const { network_->sandbox().Run(command); }

  [[nodiscard]] json Port(const std::string& name) {
    return client_->Call("port.list", {{"name", name}}).at(0);
  }
  [[nodiscard]] bool Awaits(const std::string& name, const std::string& link) {
    return WaitUntil([&] { return Port(name).at("link") == link; });
  }

  // The entries of a port that are the bridge's own addresses.
  [[nodiscard]] std::vector<std::string> OwnAddresses(const std::string& port) {
    std::vector<std::string> addresses;
    for (const json& entry : client_->Call("fdb.list", {{"dev", port}, {"state", "permanent"}})) {
      addresses.push_back(entry.at("mac"));
    }
    return addresses;
  }

  void ExpectThatHostsReachEachOther() {
    network_->host(1).Run("ping -c 1 -W 10 " + network_->host(2).address(IpVersion::kV4));
  }

  // The veth pair of host 1 is made anew.
  void RemakeFirst() {
    Run("ip link add vnet1 up type veth peer name vnet1 netns h1");
    network_->host(1).Connect("vnet1");
  }

  std::optional<TestNetwork> network_;
  std::optional<ControlClient> client_;
};
INSTANTIATE_TEST_SUITE_P(Io, NetdevTest, kEachIo, IoName);

// ---- Its address

TEST_P(NetdevTest, TheAddressOfThePortIsThePermanentEntryOfTheBridge) {
  Run(std::string("ip link set vnet1 address ") + kOwn);
  EXPECT_TRUE(WaitUntil([&] { return OwnAddresses("vnet1") == std::vector<std::string>{kOwn}; }));
  EXPECT_EQ(Port("vnet1").at("fdb_n_learned"), 0);
  EXPECT_EQ(Port("vnet1").at("address"), kOwn);

  client_->Call("port.del", {{"name", "vnet1"}});
  EXPECT_THAT(client_->Refused("fdb.get", {{"mac", kOwn}}), HasSubstr("there is no entry"));
}

TEST_P(NetdevTest, ItIsListedInEachVlanOfThePortWhileVlansAreFiltered) {
  Run(std::string("ip link set vnet1 address ") + kOwn);
  const auto vlans = [&] {
    std::vector<int> listed;
    for (const json& entry :
         client_->Call("fdb.list", {{"dev", "vnet1"}, {"state", "permanent"}})) {
      if (entry.at("mac") == kOwn) listed.push_back(entry.value("vlan", 0));
    }
    std::sort(listed.begin(), listed.end());
    return listed;
  };
  EXPECT_TRUE(WaitUntil([&] { return vlans() == std::vector<int>{0}; }));
  client_->Call("bridge.set", {{"vlan_filtering", true}});
  EXPECT_EQ(vlans(), std::vector<int>{1});
  client_->Call("vlan.add", {{"dev", "vnet1"}, {"vid", "10-12"}});
  client_->Call("vlan.del", {{"dev", "vnet1"}, {"vid", "11"}});
  EXPECT_EQ(vlans(), (std::vector<int>{1, 10, 12}));
  client_->Call("bridge.set", {{"vlan_filtering", false}});
  EXPECT_EQ(vlans(), std::vector<int>{0});
}

TEST_P(NetdevTest, AFrameToItIsConsumedAndOneFromItTeachesNothing) {
  Run(std::string("ip link set vnet1 address ") + kOwn);
  ASSERT_TRUE(WaitUntil([&] { return OwnAddresses("vnet1") == std::vector<std::string>{kOwn}; }));
  FrameExchange exchange(*network_);
  const MacAddress own = MacAddress::Parse(kOwn).value();
  const auto from_it = TestFrame(Station(9), own, "from");
  exchange.Send(2, TestFrame(own, Station(2), "to"));
  exchange.Send(2, from_it);
  EXPECT_THAT(exchange.Collect().at(1), ElementsAre(from_it));
  EXPECT_EQ(Port("vnet2").at("drops").at("local_address"), 1);
  EXPECT_EQ(Port("vnet2").at("learning").at("local"), 1);
  EXPECT_THAT(OwnAddresses("vnet1"), ElementsAre(kOwn));
}

TEST_P(NetdevTest, ItTakesThePlaceOfALearnedEntryAndIsHeldByTheNextInterfaceThatHasIt) {
  FrameExchange exchange(*network_);
  exchange.Send(2, TestFrame(Station(9), MacAddress::Parse(kOwn).value(), "learned"));
  static_cast<void>(exchange.Collect());
  EXPECT_EQ(client_->Call("fdb.get", {{"mac", kOwn}}).at(0).at("ifname"), "vnet2");
  Run(std::string("ip link set vnet1 address ") + kOwn);
  EXPECT_TRUE(WaitUntil([&] { return OwnAddresses("vnet1") == std::vector<std::string>{kOwn}; }));

  Run(std::string("ip link set vnet2 address ") + kOwn);
  EXPECT_TRUE(WaitUntil([&] { return Port("vnet2").at("address") == kOwn; }));
  EXPECT_THAT(OwnAddresses("vnet2"), IsEmpty());
  Run(std::string("ip link set vnet1 address ") + kOther);
  EXPECT_TRUE(WaitUntil([&] { return OwnAddresses("vnet2") == std::vector<std::string>{kOwn}; }));
  EXPECT_THAT(OwnAddresses("vnet1"), ElementsAre(kOther));
}

TEST_P(NetdevTest, ItIsNotSavedAsItComesWithTheInterface) {
  Run(std::string("ip link set vnet1 address ") + kOwn);
  ASSERT_TRUE(WaitUntil([&] { return OwnAddresses("vnet1") == std::vector<std::string>{kOwn}; }));
  const std::string saved = client_->Call("config.save").dump();
  EXPECT_THAT(saved, HasSubstr("port add netdev:vnet1"));
  EXPECT_THAT(saved, testing::Not(HasSubstr(kOwn)));
}

// ---- Its life

TEST_P(NetdevTest, WhileItIsDownSettingsAndEntriesStay) {
  client_->Call("link.set", {{"dev", "vnet1"}, {"isolated", true}});
  client_->Call("link.set", {{"dev", "vnet1"}, {"isolated", false}, {"hairpin", true}});
  client_->Call("fdb.add", {{"mac", kOther}, {"dev", "vnet1"}, {"state", "static"}});
  ExpectThatHostsReachEachOther();
  const auto own = OwnAddresses("vnet1");
  for (int i = 0; i < 2; ++i) {
    Run("ip link set vnet1 down");
    ASSERT_TRUE(Awaits("vnet1", "down"));
    EXPECT_EQ(Port("vnet1").at("reason"), "interface is down");
    EXPECT_EQ(Port("vnet1").at("fdb_n_learned"), 0);
    EXPECT_EQ(client_->Call("fdb.get", {{"mac", kOther}}).at(0).at("state"), "static");
    EXPECT_EQ(OwnAddresses("vnet1"), own);
    EXPECT_EQ(client_->Call("link.list", {{"dev", "vnet1"}}).at(0).at("hairpin"), true);
    Run("ip link set vnet1 up");
    ASSERT_TRUE(Awaits("vnet1", "up"));
    ExpectThatHostsReachEachOther();
  }
}

TEST_P(NetdevTest, WithoutCarrierThePortIsDown) {
  network_->host(1).Run("ip link set eth0 down");
  ASSERT_TRUE(Awaits("vnet1", "down"));
  EXPECT_EQ(Port("vnet1").at("reason"), "interface has no carrier");
  network_->host(1).Run("ip link set eth0 up");
  ASSERT_TRUE(Awaits("vnet1", "up"));
  ExpectThatHostsReachEachOther();
}

TEST_P(NetdevTest, ARenamedInterfaceStaysThePortUnderItsOldName) {
  Run("ip link set vnet1 down && ip link set vnet1 name other && ip link set other up");
  ASSERT_TRUE(network_->tapswitchd().WaitForLog("its interface is now called other"));
  ASSERT_TRUE(Awaits("vnet1", "up"));
  ExpectThatHostsReachEachOther();
}

TEST_P(NetdevTest, ADeletedInterfaceIsUsedAgainWhenItReturns) {
  for (int i = 0; i < 2; ++i) {
    Run("ip link del vnet1");
    ASSERT_TRUE(Awaits("vnet1", "down"));
    EXPECT_THAT(Port("vnet1").at("reason"), HasSubstr("interface was deleted"));
    RemakeFirst();
    ASSERT_TRUE(Awaits("vnet1", "up"));
    ExpectThatHostsReachEachOther();
    EXPECT_EQ(OwnAddresses("vnet1").size(), 1U);
  }
}

TEST_P(NetdevTest, AnInterfaceThatMovesAwayIsGoneUntilItIsBack) {
  network_->sandbox().AddNetns("away");
  Run("ip link set vnet1 netns away");
  ASSERT_TRUE(Awaits("vnet1", "down"));
  Run("ip -n away link set vnet1 netns " + std::to_string(network_->tapswitchd().pid()));
  Run("ip link set vnet1 up");
  ASSERT_TRUE(Awaits("vnet1", "up"));
  ExpectThatHostsReachEachOther();
}

TEST_P(NetdevTest, OneThatIsDownCanBeAddedAndForwardsOnceItIsUp) {
  client_->Call("port.del", {{"name", "vnet1"}});
  Run("ip link set vnet1 down");
  client_->Call("port.add", {{"port", "netdev:vnet1"}});
  EXPECT_EQ(Port("vnet1").at("reason"), "interface is down");
  Run("ip link set vnet1 up");
  ASSERT_TRUE(Awaits("vnet1", "up"));
  ExpectThatHostsReachEachOther();
}

TEST_P(NetdevTest, ItsMtuIsThatOfThePort) {
  Run("ip link set vnet2 mtu 1400");
  ASSERT_TRUE(WaitUntil([&] { return Port("vnet2").at("mtu") == 1400; }));
  const std::string to = network_->host(2).address(IpVersion::kV4);
  // With headers of 28 bytes; four more are let pass, as by the Linux bridge.
  EXPECT_EQ(network_->host(1).TryRun("ping -c 1 -W 10 -M do -s 1376 " + to).status, 0);
  EXPECT_NE(network_->host(1).TryRun("ping -c 1 -W 1 -M do -s 1377 " + to).status, 0);
  EXPECT_EQ(Port("vnet2").at("drops").at("too_long"), 1);
}

// ---- What cannot be attached

TEST_P(NetdevTest, RefusalsSayWhatToDo) {
  Run("ip link add br9 type bridge && ip link add vnet9 type veth peer name vnet8 && "
      "ip link set vnet9 master br9");
  const auto refusal = [&](const std::string& port) {
    return client_->Refused("port.add", {{"port", port}});
  };
  EXPECT_THAT(refusal("netdev:nowhere"), HasSubstr("there is no interface 'nowhere' to attach"));
  EXPECT_THAT(refusal("netdev:lo"), HasSubstr("does not carry Ethernet frames"));
  EXPECT_THAT(refusal("netdev:vnet9"), HasSubstr("ip link set dev vnet9 nomaster"));
  EXPECT_THAT(refusal("netdev:vnet8,host=maybe"), HasSubstr("host=maybe: shared"));
  EXPECT_THAT(refusal("netdev:vnet8,mtu=1500"), HasSubstr("host, netns"));
  EXPECT_THAT(refusal("netdev:vnet8,netns=nowhere"), HasSubstr("nowhere"));
}

}  // namespace
}  // namespace tapswitch::netdev_test
