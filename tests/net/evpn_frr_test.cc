// Two switches and a bridge of the kernel, which FRR tells of each other.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/evpn_machines.h"

namespace tapswitch::evpn_frr_test {
namespace {

using std::chrono::steady_clock;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

TEST_F(EvpnFrrTest, AllStationsReachEachOther) {
  ExpectAllPairs(stations_);
  ExpectKnown();
  // Routes of type 2 for stations, of type 3 for machines.
  const std::string routes = Vtysh('c', "show bgp l2vpn evpn route");
  EXPECT_THAT(routes, HasSubstr("[2]:[0]:[48]:[" + MacOf("a1") + "]"));
  EXPECT_THAT(routes, HasSubstr("[3]:[0]:[32]:[" + Ip('a') + "]"));
  EXPECT_EQ(Vni('a').at("vteps"), json::array({Ip('b'), Ip('c')}));
  EXPECT_EQ(Vni('a').at("macs_local"), 2);
  EXPECT_TRUE(WaitUntil([&] { return Vni('a').at("macs_remote") == 4; }));
}

TEST_F(EvpnFrrTest, FramesArriveOnceAndKnownOnesOnlyWhereTheirStationIs) {
  ExpectKnown();
  struct Counts {
    std::map<std::string, std::unique_ptr<PacketSocket>> sockets;
  } all;
  for (const std::string& station : stations_) {
    const NetworkNamespace netns = NetworkNamespace::Open(station).value();
    const NetnsScope scope = NetnsScope::Enter(netns).value();
    all.sockets[station] = std::make_unique<PacketSocket>("eth0", 0x88B5);
  }
  const auto send = [&](const std::string& to_mac, uint8_t number) {
    std::vector<std::byte> frame(60);
    const auto to = MacAddress::Parse(to_mac)->bytes();
    const auto from = MacAddress::Parse(MacOf("a1"))->bytes();
    std::copy(to.begin(), to.end(), frame.begin());
    std::copy(from.begin(), from.end(), frame.begin() + 6);
    frame[12] = std::byte{0x88};
    frame[13] = std::byte{0xB5};
    frame[14] = std::byte{number};
    all.sockets.at("a1")->Send(frame);
  };
  send("ff:ff:ff:ff:ff:ff", 1);
  send("02:00:00:00:99:99", 2);
  send(MacOf("b1"), 3);
  send("ff:ff:ff:ff:ff:ff", 4);  // the last
  for (const std::string& station : stations_) {
    if (station == "a1") continue;
    std::vector<int> numbers;
    for (;;) {
      const auto frame = all.sockets.at(station)->Receive();
      ASSERT_FALSE(frame.empty()) << station;
      // The promiscuous ports of a bridge see frames for others; their station does not take them.
      numbers.push_back(std::to_integer<int>(frame[14]));
      if (numbers.back() == 4) break;
    }
    const std::vector<int> expected =
        station == "b1" ? std::vector<int>{1, 2, 3, 4} : std::vector<int>{1, 2, 4};
    EXPECT_EQ(numbers, expected) << station;
  }
  for (const std::string& station : stations_) {
    const auto more = all.sockets.at(station)->Receive(std::chrono::milliseconds(50));
    EXPECT_TRUE(more.empty()) << station;
  }
}

TEST_F(EvpnFrrTest, AStationThatIsGoneIsForgottenEverywhere) {
  Tapctl('a', "bridge set ageing_time 1s");
  Speak("a1");
  ASSERT_TRUE(WaitUntil([&] { return IsKnownAt("a1", 'a'); }));
  Run("ip -n a1 link set eth0 down");
  EXPECT_TRUE(WaitUntil([&] { return IsForgotten("a1"); }));
}

// A station with the address of a1 appears on b, then on c, then on a again, each time before the
// one before has gone, or its route would be withdrawn, and forgotten with its sequence number.
TEST_F(EvpnFrrTest, AStationMoves) {
  Speak("a1");
  ASSERT_TRUE(WaitUntil([&] { return IsKnownAt("a1", 'a'); }));
  const auto take_over = [&](const std::string& from, const std::string& to) {
    Run("ip -n " + to + " link set eth0 down; ip -n " + to + " link set eth0 address " +
        MacOf("a1") + " up; ip -n " + to + " address replace " + StationIp("a1") + "/24 dev eth0");
    EXPECT_TRUE(WaitUntil([&] {
      Speak(to);
      return IsKnownAt("a1", to[0]);
    })) << to;
    Run("ip -n " + from + " link set eth0 down");
    EXPECT_TRUE(WaitUntil([&] {
      Speak(to);
      return Reaches("a2", "a1");
    })) << to;
  };
  take_over("a1", "b2");
  take_over("b2", "c2");
  take_over("c2", "a1");
  // The sequence number of mobility has grown.
  EXPECT_THAT(Vtysh('c', "show bgp l2vpn evpn route"), ContainsRegex("MM:([3-9]|[1-9][0-9])"));
}

TEST_F(EvpnFrrTest, ZebraIsKilledAndNothingIsLost) {
  ExpectKnown();
  Run("ip netns exec a1 ping -c 1 " + StationIp("b1"));
  KillDaemon('a', "zebra");
  EXPECT_THAT(In("a1", "ping -c 50 -i 0.01 " + StationIp("b1")), HasSubstr(" 0% packet loss"));
  EXPECT_TRUE(IsRemoteAt('a', MacOf("b1"), 'b'));
  KillDaemon('a', "bgpd");
  StartDaemon('a', "zebra");
  StartDaemon('a', "bgpd");
  ASSERT_TRUE(WaitUntil([&] { return IsComplete(); }));
  ExpectKnown();
  ExpectAllPairs({"a1", "b1", "c1"});
}

TEST_F(EvpnFrrTest, BgpdIsRestarted) {
  ExpectKnown();
  KillDaemon('b', "bgpd", "TERM");
  EXPECT_TRUE(WaitUntil([&] { return EntryAt('b', MacOf("a1")).empty(); }));
  StartDaemon('b', "bgpd");
  ASSERT_TRUE(WaitUntil([&] { return IsComplete(); }));
  ExpectKnown();
}

TEST_F(EvpnFrrTest, ASwitchIsKilledAndItsRoutesAreWithdrawn) {
  ExpectKnown();
  const auto start = steady_clock::now();
  switches_['a']->Kill();
  ExpectWithdrawn(start);
  // It begins anew, with what the kernel still has.
  const std::string startup = directory_.Path("startup");
  std::ofstream(startup) << "evpn add vni 100 dev vxlan100 local 192.0.2.1\n";
  Launch('a', {"--name=bra", "--startup=" + startup, "va1,netns=a1", "va2,netns=a2"});
  for (const char* station : {"a1", "a2"}) SetUpStation(station, std::string("v") + station);
  ExpectKnown();
  ExpectAllPairs({"a1", "b1", "c1"});
}

TEST_F(EvpnFrrTest, AMachineThatVanishesIsForgotten) {
  ExpectKnown();
  Run("ip link set ulb down");
  EXPECT_TRUE(WaitUntil([&] {
    return EntryAt('a', MacOf("b1")).empty() && Vni('a').at("vteps") == json::array({Ip('c')});
  }));
  Run("ip link set ulb up");
  ASSERT_TRUE(WaitUntil([&] { return IsComplete(); }));
  ExpectKnown();
}

TEST_F(EvpnFrrTest, ANewProcessTakesOverUnderTraffic) {
  ExpectKnown();
  Run("ip netns exec a1 ping -c 1 " + StationIp("b1"));
  const std::string log = directory_.Path("ping");
  const std::string ping = Run("ip netns exec a1 ping -c 300 -i 0.01 " + StationIp("b1") + " >" +
                               log + " 2>&1 & echo $!");
  const json answer = json::parse(Tapctl('a', "-j upgrade"));
  ASSERT_TRUE(switches_['a']->FollowSuccessor(answer.at("pid").get<pid_t>())) << answer;
  ASSERT_TRUE(WaitUntil([&] { return TryRun("grep -q transmitted " + log).status == 0; }));
  EXPECT_THAT(Run("cat " + log), HasSubstr(" 0% packet loss"));
  ExpectKnown();
  EXPECT_TRUE(IsRemoteAt('a', MacOf("b1"), 'b'));
}

}  // namespace
}  // namespace tapswitch::evpn_frr_test
