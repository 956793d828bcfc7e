// FRR tells other machines more of a station than where it is: that it does not move, and which IP
// addresses it has.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/evpn_machines.h"

namespace tapswitch::evpn_stations_test {
namespace {

using testing::HasSubstr;

class EvpnStationsTest : public EvpnFrrTest {
 protected:
  void Suppress() const {
    for (const char machine : {'a', 'b'}) {
      Tapctl(machine, "link set dev vxlan100 neigh_suppress on");
    }
  }
  // Whether a route leads to that address of the station, as the third machine has heard.
  [[nodiscard]] bool HasRoute(const std::string& station, const std::string& ip) const {
    return Vtysh('c', "show bgp l2vpn evpn route").find("[" + MacOf(station) + "]:" + ip) !=
           std::string::npos;
  }
};

TEST_F(EvpnStationsTest, AStationThatDoesNotMoveDoesNotElsewhereEither) {
  Tapctl('a', "fdb replace " + MacOf("a9") + " dev va1 static");
  EXPECT_TRUE(WaitUntil([&] { return IsRemoteAt('b', MacOf("a9"), 'a'); }));
  EXPECT_THAT(EntryAt('b', MacOf("a9")), HasSubstr("sticky"));
  EXPECT_TRUE(WaitUntil([&] {
    return TryRun("bridge -n c fdb show br br100 | grep " + MacOf("a9")).output.find("sticky") !=
           std::string::npos;
  })) << TryRun("bridge -n c fdb show | grep " + MacOf("a9")).output;
}

// Two tenants, whose stations have the same MAC and IP addresses.
TEST_F(EvpnStationsTest, TwoVnisMayHaveTheSameAddresses) {
  const auto ping = [&] {
    return TryRun("ip netns exec xa ping -c 1 -W 1 " + StationIp("b1")).status == 0;
  };
  for (const char machine : {'a', 'b'}) {
    const std::string name = std::string("x") + machine;
    const std::string twin = std::string(1, machine) + "1";
    Tapctl(machine, "bridge set vlan_filtering on");
    AddVni(machine, "vlan 20", 200);
    sandbox_->AddNetns(name);
    Tapctl(machine, "port add v" + name + ",netns=" + name + " vlan 20 pvid untagged");
    Run("ip -n " + name + " link set v" + name + " down; ip -n " + name + " link set v" + name +
        " address " + MacOf(twin) + " up; ip -n " + name + " address add " + StationIp(twin) +
        "/24 dev v" + name);
  }
  EXPECT_TRUE(WaitUntil(ping));
  EXPECT_TRUE(WaitUntil([&] { return Reaches("a1", "b1"); }));
  const auto entry = [&](const std::string& vlan) {
    return TryTapctl('b', "fdb get " + MacOf("a1") + " vlan " + vlan).output;
  };
  EXPECT_TRUE(WaitUntil([&] {
    static_cast<void>(ping());
    return entry("1").find("dev vxlan100 ") != std::string::npos &&
           entry("20").find("dev vxlan200 ") != std::string::npos;
  })) << entry("1")
      << entry("20");
  // The one that is gone is not taken for the other, which is there.
  Run("ip -n xb link set vxb down");
  EXPECT_FALSE(ping());
  EXPECT_TRUE(Reaches("a1", "b1"));
}

// Once the control plane is complete, nobody else has to see what it does not know.
TEST_F(EvpnStationsTest, UnknownFramesStayHereWhereTheTunnelDoesNotFlood) {
  Tapctl('a', "link set dev vxlan100 flood off");
  const auto sent = [&] {
    return json::parse(Tapctl('a', "-j -s port show vxlan100"))
        .at(0)
        .at("stats64")
        .at("tx")
        .at("packets")
        .get<int>();
  };
  EXPECT_TRUE(WaitUntil([&] { return Reaches("a1", "b1"); }));
  Run("ip -n a1 neigh replace 10.0.0.99 lladdr 02:00:00:00:99:99 dev eth0");
  EXPECT_TRUE(WaitUntil([&] {
    const int before = sent();
    static_cast<void>(TryRun("ip netns exec a1 ping -c 20 -i 0.002 -W 0.1 10.0.0.99"));
    return sent() - before < 20;  // others speak, too
  }));
  Tapctl('a', "link set dev vxlan100 flood on");
  const int before = sent();
  static_cast<void>(TryRun("ip netns exec a1 ping -c 20 -i 0.002 -W 0.1 10.0.0.99"));
  EXPECT_TRUE(WaitUntil([&] { return sent() - before >= 20; }));
}

TEST_F(EvpnStationsTest, AddressesOfIpv6AreToldToo) {
  Suppress();
  const std::string wanted = StationIp6("b1") + " dev vxlan100 lladdr " + MacOf("b1");
  EXPECT_TRUE(WaitUntil([&] {
    Run("ip -n b1 -6 neigh flush dev eth0; ip netns exec b1 ping -6 -c 1 -W 1 " + StationIp6("b2") +
        " || true");
    return Tapctl('a', "neigh show").find(wanted) != std::string::npos;
  })) << Tapctl('a', "neigh show")
      << Run("ip -n b -6 neigh show dev evbr100") << Vtysh('b', "show evpn arp-cache vni all");
  EXPECT_TRUE(WaitUntil([&] { return HasRoute("b1", "[128]:[" + StationIp6("b1") + "]"); }))
      << Vtysh('c', "show bgp l2vpn evpn route");
}

// The entry of the kernel that zebra has written becomes one of the switch at b, and goes with it.
TEST_F(EvpnStationsTest, AnAddressGoesWithAStationThatHadMoved) {
  Suppress();
  const std::string ip = "[32]:[" + StationIp("a1") + "]";
  EXPECT_TRUE(WaitUntil([&] {
    static_cast<void>(Reaches("a1", "a2"));
    return HasNeighbour('b', StationIp("a1"));
  }));
  Run("ip -n b2 link set eth0 down; ip -n b2 link set eth0 address " + MacOf("a1") +
      " up; ip -n b2 address replace " + StationIp("a1") + "/24 dev eth0");
  EXPECT_TRUE(WaitUntil([&] {
    Speak("b2");
    return IsKnownAt("a1", 'b');
  }));
  Run("ip -n a1 link set eth0 down");
  EXPECT_TRUE(WaitUntil([&] {
    Speak("b2");
    return HasRoute("a1", ip) && Vni('b').at("neighbours_local").get<int>() >= 1 &&
           Run("ip -n b neigh show " + StationIp("a1") + " dev evbr100").find("extern_learn") ==
               std::string::npos;
  })) << Run("ip -n b neigh show dev evbr100");
  Run("ip -n b2 link set eth0 down");
  EXPECT_TRUE(WaitUntil([&] {
    Tapctl('b', "fdb flush dev vb2");
    return !HasRoute("a1", ip);
  })) << Run("ip -n b neigh show dev evbr100")
      << Tapctl('b', "neigh show");
}

}  // namespace
}  // namespace tapswitch::evpn_stations_test
