// Many stations, neighbours, a route reflector of another make, and announcements that are lost.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/evpn_machines.h"

namespace tapswitch::evpn_scale_test {
namespace {

using std::chrono::steady_clock;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Stations that a program on a1 pretends to be, in bursts that a TAP's queue has room for. What the
// switch has no time for is lost in the queue and is the same each round, unless a round begins
// elsewhere.
void PretendStations(const PacketSocket& socket, uint32_t count, uint32_t first) {
  constexpr uint32_t kBurst = 250;
  std::vector<std::byte> frame(60);
  for (uint32_t i = 0; i < count; ++i) {
    if (i % kBurst == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::fill_n(frame.begin(), 6, std::byte{0xFF});
    StoreBe32(frame.data() + 8, (first + i) % count);
    frame[6] = std::byte{0x02};
    frame[7] = std::byte{0x77};
    frame[12] = std::byte{0x88};
    frame[13] = std::byte{0xB5};
    while (!socket.TrySend(frame)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

[[nodiscard]] PacketSocket SocketIn(const std::string& station) {
  const NetworkNamespace netns = NetworkNamespace::Open(station).value();
  const NetnsScope scope = NetnsScope::Enter(netns).value();
  return PacketSocket("eth0", 0);
}

class EvpnManyTest : public EvpnFrrTest {
 protected:
  // Those who are pretended alone: the VNI's counters have the machines' own stations, too.
  [[nodiscard]] uint32_t KnownAt(char machine, const std::string& dev) const {
    const std::string entries = Tapctl(machine, "fdb show dev " + dev);
    uint32_t count = 0;
    for (size_t at = 0; (at = entries.find("02:77:", at)) != std::string::npos; ++at) ++count;
    return count;
  }
  [[nodiscard]] std::string KnownInTheKernel() const {
    return Run("bridge -n c fdb show dev vxlan100 | grep '^02:77:.* dst 192.0.2.1' | wc -l");
  }
  // They speak at a until all know them, as a queue may overflow.
  void ExpectKnownEverywhere(const PacketSocket& socket, uint32_t count) const {
    uint32_t first = 0;
    EXPECT_TRUE(WaitUntil([&] {
      PretendStations(socket, count, first);
      first += count / 7;
      return KnownAt('a', "va1") == count;
    }));
    EXPECT_TRUE(WaitUntil([&] { return KnownAt('b', "vxlan100") == count; }));
    EXPECT_TRUE(WaitUntil([&] { return KnownInTheKernel() == std::to_string(count) + "\n"; }))
        << KnownInTheKernel();
  }
  void ExpectForgottenEverywhere() const {
    Tapctl('a', "fdb flush dev va1");
    EXPECT_TRUE(WaitUntil([&] { return KnownAt('b', "vxlan100") == 0; }));
    EXPECT_TRUE(WaitUntil([&] { return KnownInTheKernel() == "0\n"; }));
  }
};

TEST_F(EvpnManyTest, FiveThousandStationsAreKnownEverywhereAndForgotten) {
  constexpr uint32_t kCount = 5000;
  const PacketSocket socket = SocketIn("a1");
  const auto start = steady_clock::now();
  ExpectKnownEverywhere(socket, kCount);
  std::cout
      << kCount << " known after "
      << std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start).count()
      << " ms\n";
  ExpectForgottenEverywhere();
  EXPECT_EQ(Vni('a').at("refusals"), 0);
}

TEST_F(EvpnManyTest, NewProcessesTakeOverWhileStationsAreAnnounced) {
  constexpr uint32_t kCount = 3000;
  const PacketSocket socket = SocketIn("a1");
  PretendStations(socket, kCount, 0);
  for (const char machine : {'a', 'b', 'a'}) {
    const json answer = json::parse(Tapctl(machine, "-j upgrade"));
    ASSERT_TRUE(switches_[machine]->FollowSuccessor(answer.at("pid").get<pid_t>())) << answer;
  }
  ExpectKnownEverywhere(socket, kCount);
  ExpectForgottenEverywhere();
}

// ---- Neighbours

TEST_F(EvpnFrrTest, QuestionsForStationsElsewhereAreAnsweredHere) {
  for (const char machine : {'a', 'b'}) {
    Tapctl(machine, "link set dev vxlan100 neigh_suppress on");
  }
  // b1 says what it has, and a learns it from its route.
  EXPECT_TRUE(WaitUntil([&] { return Reaches("b1", "b2"); }));
  EXPECT_TRUE(WaitUntil([&] { return Vni('b').at("neighbours_local").get<int>() >= 1; }));
  const auto neighbours = [&] { return Tapctl('a', "neigh show"); };
  const std::string wanted =
      StationIp("b1") + " dev vxlan100 lladdr " + MacOf("b1") + " PERMANENT\n";
  EXPECT_TRUE(WaitUntil([&] { return neighbours().find(wanted) != std::string::npos; }))
      << neighbours() << Vtysh('a', "show evpn arp-cache vni all")
      << Run("ip -n a neigh show dev evbr100");
  Run("ip -n a1 neigh flush dev eth0");
  EXPECT_TRUE(WaitUntil([&] { return Reaches("a1", "b1"); }));
  const json bridge = json::parse(Tapctl('a', "-j -s bridge show")).at(0);
  EXPECT_GE(bridge.at("counters").at("neigh_answered").get<int>(), 1) << bridge;
}

// A namespace of machine a is the gateway of all stations. The namespace of FRR cannot be: FRR does
// not announce addresses of its own.
TEST_F(EvpnFrrTest, AGatewayIsAnnouncedWithItsAddressAndAnsweredForElsewhere) {
  const std::string mac = "02:00:00:00:00:fe";
  for (const char machine : {'a', 'b'}) {
    Tapctl(machine, "link set dev vxlan100 neigh_suppress on");
  }
  sandbox_->AddNetns("gw");
  Tapctl('a', "port add gw0,netns=gw");
  Run("ip -n gw link set gw0 down; ip -n gw link set gw0 address " + mac +
      " up; ip -n gw address add 10.0.0.254/24 dev gw0");
  // It has not spoken, and is known everywhere for good.
  Tapctl('a', "fdb replace " + mac + " dev gw0 static");
  Tapctl('a', "neigh replace 10.0.0.254 lladdr " + mac + " router");
  const std::string wanted = "10.0.0.254 dev vxlan100 lladdr " + mac;
  EXPECT_TRUE(WaitUntil([&] {
    return Tapctl('b', "neigh show").find(wanted) != std::string::npos;
  })) << Tapctl('b', "neigh show")
      << Vtysh('a', "show evpn arp-cache vni all") << Vni('a') << Tapctl('a', "neigh show")
      << Run("ip -n a neigh show dev evbr100");
  EXPECT_THAT(Vtysh('c', "show bgp l2vpn evpn route"),
              HasSubstr("[2]:[0]:[48]:[" + mac + "]:[32]:[10.0.0.254]"));
  const auto answered = [&] {
    return json::parse(Tapctl('b', "-j -s bridge show"))
        .at(0)
        .at("counters")
        .at("neigh_answered")
        .get<int>();
  };
  const int before = answered();
  EXPECT_TRUE(
      WaitUntil([&] { return TryRun("ip netns exec b1 ping -c 1 -W 1 10.0.0.254").status == 0; }));
  EXPECT_GT(answered(), before);
  EXPECT_TRUE(
      WaitUntil([&] { return TryRun("ip netns exec c1 ping -c 1 -W 1 10.0.0.254").status == 0; }));
  EXPECT_THAT(Tapctl('a', "save"), AllOf(HasSubstr("fdb add " + mac + " dev gw0 static"),
                                         HasSubstr("neigh replace 10.0.0.254 lladdr " + mac)));
}

// ---- GoBGP as a route reflector, which passes routes on and asserts some of its own

class EvpnGobgpTest : public EvpnTest {
 protected:
  void SetUp() override {
    EvpnTest::SetUp();
    if (IsSkipped()) return;
    if (!HasFrr() || TryRun("command -v gobgpd").status != 0) {
      GTEST_SKIP() << "FRR or GoBGP is not installed: apt-get install frr gobgpd";
    }
    for (const char machine : {'a', 'b', 'd'}) AddMachine(machine);
    Run("ip -n d link set lo up");
    const std::string file = directory_.Path("gobgpd.conf");
    std::ofstream config(file);
    config << "[global.config]\n  as = 65000\n  router-id = \"" << Ip('d') << "\"\n";
    for (const char machine : {'a', 'b'}) {
      config << "[[neighbors]]\n  [neighbors.config]\n    neighbor-address = \"" << Ip(machine)
             << "\"\n    peer-as = 65000\n  [neighbors.transport.config]\n    passive-mode = true\n"
             << "  [neighbors.route-reflector.config]\n    route-reflector-client = true\n"
             << "    route-reflector-cluster-id = \"" << Ip('d') << "\"\n"
             << "  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n"
             << "      afi-safi-name = \"l2vpn-evpn\"\n";
    }
    config.close();
    const std::string pid =
        In("d", "sh -c 'exec gobgpd -f " + file + " >" + file + ".log 2>&1 & echo $!'");
    daemons_.push_back(pid.substr(0, pid.find('\n')));
    for (const char machine : {'a', 'b'}) {
      StartSwitch(machine, {}, 1);
      AddVni(machine);
      StartFrr(machine, std::string{machine, 'd'});
    }
  }
  [[nodiscard]] NetnsSandbox::Result Gobgp(const std::string& words) const {
    return TryRun("ip netns exec d gobgp " + words);
  }
};

TEST_F(EvpnGobgpTest, RoutesArePassedOnAndAsserted) {
  ASSERT_TRUE(WaitUntil([&] {
    return Vni('a').at("vteps") == json::array({Ip('b')}) &&
           Vni('b').at("vteps") == json::array({Ip('a')});
  })) << Gobgp("neighbor").output;
  ExpectAllPairs({"a1", "b1"});
  EXPECT_TRUE(WaitUntil([&] { return IsRemoteAt('b', MacOf("a1"), 'a'); }));
  const std::string routes = Gobgp("global rib -a evpn").output;
  EXPECT_THAT(routes, AllOf(HasSubstr("type:macadv"), HasSubstr("mac:" + MacOf("a1"))));
  EXPECT_THAT(routes, AllOf(HasSubstr("type:multicast"), HasSubstr("ip:" + Ip('a'))));
  // Two routes of a machine that does not exist.
  const std::string attributes = " rd 192.0.2.5:100 rt 65000:100 encap vxlan nexthop 192.0.2.5";
  const std::string station = "macadv 02:00:00:00:77:01 10.0.0.77 etag 0 label 100" + attributes;
  ASSERT_EQ(Gobgp("global rib add -a evpn " + station).status, 0);
  ASSERT_EQ(Gobgp("global rib add -a evpn multicast 192.0.2.5 etag 0" + attributes +
                  " pmsi ingress-repl 100 192.0.2.5")
                .status,
            0);
  EXPECT_TRUE(WaitUntil([&] { return IsRemoteAt('a', "02:00:00:00:77:01", 'e'); }))
      << Tapctl('a', "fdb show") << Vtysh('a', "show bgp l2vpn evpn");
  EXPECT_TRUE(WaitUntil([&] { return Vni('a').at("vteps").size() == 2; }));
  ASSERT_EQ(Gobgp("global rib del -a evpn " + station).status, 0);
  EXPECT_TRUE(WaitUntil([&] { return EntryAt('a', "02:00:00:00:77:01").empty(); }));
}

// ---- Announcements that are lost

// More changes than the buffer of the socket has room for, while the switch stands still.
TEST_F(EvpnFrrTest, OverrunsArePutRight) {
  constexpr uint32_t kCount = 20'000;
  constexpr int kRepeats = 3;
  const std::string file = directory_.Path("changes");
  std::ofstream changes(file);
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    for (const char* verb : {"del", "replace"}) {
      for (uint32_t i = 0; i < kCount; ++i) {
        if (repeat == 0 && verb == std::string_view("del")) continue;
        changes << "fdb " << verb << ' ' << MacAddress::FromNumber(0x027800000000 + i).ToString()
                << " dev vxlan100 master dynamic extern_learn\n";
      }
    }
  }
  changes.close();
  ASSERT_EQ(kill(switches_['b']->pid(), SIGSTOP), 0);
  Run("bridge -n b -batch " + file);
  ASSERT_EQ(kill(switches_['b']->pid(), SIGCONT), 0);
  EXPECT_TRUE(WaitUntil([&] { return Vni('b').at("macs_remote").get<uint32_t>() >= kCount; }))
      << Vni('b') << " of "
      << Run("bridge -n b fdb show dev vxlan100 | grep -c '^02:78:.* master'");
  EXPECT_GT(Vni('b').at("overruns").get<int>(), 0);
}

}  // namespace
}  // namespace tapswitch::evpn_scale_test
