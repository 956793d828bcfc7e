// Machines that are told of each other by hand: devices, entries, files, crashes, upgrades.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/evpn_machines.h"
#include "tests/support/tun_device.h"

namespace tapswitch::evpn_test {
namespace {

using std::chrono::steady_clock;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// ---- Without a routing daemon

class EvpnByHandTest : public EvpnTest {
 protected:
  void SetUp() override {
    EvpnTest::SetUp();
    if (IsSkipped()) return;
    for (const char machine : {'a', 'b'}) {
      AddMachine(machine);
      StartSwitch(machine, {}, 1);
    }
  }
  void Flood(char from, char to) const {
    Run("bridge -n " + std::string(1, from) + " fdb append 00:00:00:00:00:00 dev vxlan100 dst " +
        Ip(to));
  }
};

TEST_F(EvpnByHandTest, MakesDevicesAndRemovesThem) {
  AddVni('a');
  const json shown = Vni('a');
  EXPECT_EQ(shown.at("vni"), 100);
  EXPECT_EQ(shown.at("dev"), "vxlan100");
  EXPECT_EQ(shown.at("local"), "192.0.2.1");
  EXPECT_EQ(shown.at("bridge"), "evbr100");
  EXPECT_EQ(shown.at("state"), "up");
  EXPECT_THAT(Run("ip -n a -d link show vxlan100"),
              AllOf(HasSubstr("id 100 local 192.0.2.1"), HasSubstr("nolearning"),
                    HasSubstr("master evbr100"), HasSubstr("state disabled")));
  EXPECT_THAT(Run("ip -n a -d link show evsh100"),
              AllOf(HasSubstr("master evbr100"), HasSubstr("learning off flood off")));
  EXPECT_THAT(Tapctl('a', "-d link show dev vxlan100"), HasSubstr("learning off"));

  Tapctl('a', "evpn del vni 100");
  for (const char* name : {"vxlan100", "evbr100", "evsh100"}) EXPECT_FALSE(HasLink('a', name));
  EXPECT_EQ(Tapctl('a', "evpn show"), "");
  EXPECT_THAT(Tapctl('a', "port show"), Not(HasSubstr("vxlan100")));
}

TEST_F(EvpnByHandTest, TakesADeviceThatIsThereAndLeavesIt) {
  Run("ip -n a link add vxlan100 type vxlan id 100 local 192.0.2.1 dstport 4789 nolearning");
  Tapctl('a', "evpn add vni 100 dev vxlan100");
  EXPECT_EQ(Vni('a').at("state"), "up");
  Tapctl('a', "evpn del vni 100");
  EXPECT_TRUE(HasLink('a', "vxlan100"));
  EXPECT_FALSE(HasLink('a', "evbr100"));
  EXPECT_THAT(Run("ip -n a link show vxlan100"), Not(HasSubstr("master")));
}

TEST_F(EvpnByHandTest, TakesABridgeThatSomebodyElseMadeAndLeavesIt) {
  Run("ip -n a link add vxlan100 type vxlan id 100 local 192.0.2.1 dstport 4789 nolearning");
  Run("ip -n a link add evbr100 up type bridge; ip -n a link set vxlan100 up master evbr100");
  Tapctl('a', "evpn add vni 100 dev vxlan100");
  EXPECT_EQ(Vni('a').at("state"), "up");
  Tapctl('a', "evpn del vni 100");
  EXPECT_TRUE(HasLink('a', "evbr100"));
  EXPECT_FALSE(HasLink('a', "evsh100"));
}

TEST_F(EvpnByHandTest, RefusesWhatCannotBe) {
  const auto refusal = [&](const std::string& words) {
    const auto result = TryTapctl('a', "evpn add " + words);
    EXPECT_NE(result.status, 0) << words;
    return result.output;
  };
  EXPECT_THAT(refusal("vni 100 dev vxlan100"), HasSubstr("give local ADDRESS"));
  EXPECT_THAT(refusal("vni 100 dev eth0"), HasSubstr("no vxlan device"));
  EXPECT_THAT(refusal("vni 0 dev vxlan100 local 192.0.2.1"), HasSubstr("vni"));
  EXPECT_THAT(refusal("vni 100 dev vxlan100 local fd00::1"), HasSubstr("IPv4"));
  Run("ip -n a link add vxlan7 type vxlan id 7 local 192.0.2.1 dstport 4789");
  EXPECT_THAT(refusal("vni 100 dev vxlan7"), HasSubstr("vxlan device of vni 7"));
  Run("ip -n a link add vxlan8 type vxlan id 8 group 239.0.0.1 dev eth0 dstport 4789");
  EXPECT_THAT(refusal("vni 8 dev vxlan8"), HasSubstr("no local address"));
  AddVni('a');
  EXPECT_THAT(refusal("vni 7 dev vxlan7"), HasSubstr("vlan_filtering on"));
  EXPECT_THAT(TryTapctl('a', "port del vxlan100").output, HasSubstr("evpn del vni 100"));
  EXPECT_THAT(TryTapctl('a', "evpn del vni 7").output, HasSubstr("there is no vni 7"));
  for (const char* name : {"evbr7", "evbr8", "evsh7"}) EXPECT_FALSE(HasLink('a', name));
}

TEST_F(EvpnByHandTest, SaysThatFramesAreTooLongForTheUnderlay) {
  Run("ip -n a link set eth0 mtu 1500");
  const auto added = TryTapctl('a', "evpn add vni 100 dev vxlan100 local 192.0.2.1");
  EXPECT_EQ(added.status, 0);
  EXPECT_THAT(added.output, HasSubstr("need 1550 bytes on eth0"));
  EXPECT_THAT(Tapctl('a', "evpn show"), HasSubstr("need 1550 bytes"));
}

TEST_F(EvpnByHandTest, StaticRemotesCarryFrames) {
  for (const char machine : {'a', 'b'}) AddVni(machine);
  Flood('a', 'b');
  Flood('b', 'a');
  ExpectAllPairs({"a1", "b1"});
  EXPECT_TRUE(WaitUntil([&] { return Vni('a').at("vteps") == json::array({"192.0.2.2"}); }));
  // Nothing is learned from the port of the VNI.
  EXPECT_EQ(EntryAt('a', MacOf("b1")), "");
  Run("bridge -n a fdb replace " + MacOf("b1") + " dev vxlan100 dst 192.0.2.2 static self master");
  EXPECT_TRUE(WaitUntil([&] { return IsRemoteAt('a', MacOf("b1"), 'b'); }));
  EXPECT_EQ(Vni('a').at("macs_remote"), 1);
  const json entry = json::parse(Tapctl('a', "-j fdb get " + MacOf("b1"))).at(0);
  EXPECT_EQ(entry.at("remote"), "192.0.2.2");
  EXPECT_TRUE(Reaches("a1", "b1"));
  Run("bridge -n a fdb del " + MacOf("b1") + " dev vxlan100 self; bridge -n a fdb del " +
      MacOf("b1") + " dev vxlan100 master");
  EXPECT_TRUE(WaitUntil([&] { return EntryAt('a', MacOf("b1")).empty(); }));
}

TEST_F(EvpnByHandTest, StationsOfTheSwitchAreOnTheShadowPort) {
  AddVni('a');
  Speak("a1");
  EXPECT_TRUE(WaitUntil([&] { return ShadowEntries('a').find(MacOf("a1")) != std::string::npos; }));
  EXPECT_THAT(ShadowEntries('a'), HasSubstr("extern_learn"));
  EXPECT_EQ(Vni('a').at("macs_local"), 1);
  // Somebody removes it: it is written again.
  Run("bridge -n a fdb del " + MacOf("a1") + " dev evsh100 master");
  EXPECT_TRUE(WaitUntil([&] { return ShadowEntries('a').find(MacOf("a1")) != std::string::npos; }));
  // A station that comes up may speak once more.
  EXPECT_TRUE(WaitUntil([&] {
    Tapctl('a', "fdb flush");
    return ShadowEntries('a').find(MacOf("a1")) == std::string::npos;
  }));
}

TEST_F(EvpnByHandTest, IsSavedAndMadeAgain) {
  AddVni('a');
  Tapctl('a', "link set dev vxlan100 neigh_suppress on flood off");
  Tapctl('a', "port set vxlan100 description overlay");
  const std::string saved = Tapctl('a', "save");
  EXPECT_THAT(saved, HasSubstr("evpn add vni 100 dev vxlan100 local 192.0.2.1\n"));
  EXPECT_THAT(saved, Not(HasSubstr("port add netdev:vxlan100")));
  const std::string file = directory_.Path("saved");
  std::ofstream(file) << saved;
  EXPECT_EQ(Tapctl('a', "apply " + file + " --dry-run"), "");
  Tapctl('a', "evpn del vni 100");
  Tapctl('a', "apply " + file);
  EXPECT_EQ(Vni('a').at("state"), "up");
  EXPECT_EQ(Tapctl('a', "save"), saved);
  // What does not name it removes it.
  std::ofstream(file) << "port add va1,netns=a1\n";
  Tapctl('a', "apply " + file);
  EXPECT_FALSE(HasLink('a', "evbr100"));
}

TEST_F(EvpnByHandTest, RemoteEntriesAreNotSaved) {
  AddVni('a');
  Run("bridge -n a fdb replace " + MacOf("b1") + " dev vxlan100 dst 192.0.2.2 static self master");
  ASSERT_TRUE(WaitUntil([&] { return IsRemoteAt('a', MacOf("b1"), 'b'); }));
  const std::string saved = Tapctl('a', "save");
  EXPECT_THAT(saved, Not(HasSubstr(MacOf("b1"))));
  const std::string file = directory_.Path("saved");
  std::ofstream(file) << saved;
  EXPECT_EQ(Tapctl('a', "apply " + file + " --dry-run"), "");
  Tapctl('a', "fdb flush");
  EXPECT_TRUE(WaitUntil([&] { return IsRemoteAt('a', MacOf("b1"), 'b'); }));
}

TEST_F(EvpnByHandTest, EndsWithTheSwitch) {
  AddVni('a');
  switches_['a']->Stop();
  for (const char* name : {"vxlan100", "evbr100", "evsh100"}) EXPECT_FALSE(HasLink('a', name));
}

TEST_F(EvpnByHandTest, ACrashLeavesNoStationBehindAndTheNextStartTheRest) {
  AddVni('a');
  Speak("a1");
  ASSERT_TRUE(WaitUntil([&] { return ShadowEntries('a').find(MacOf("a1")) != std::string::npos; }));
  Run("bridge -n a fdb replace " + MacOf("b1") + " dev vxlan100 dst 192.0.2.2 static self master");
  switches_['a']->Kill();
  EXPECT_TRUE(WaitUntil([&] { return !HasLink('a', "evsh100"); }));
  EXPECT_TRUE(HasLink('a', "evbr100"));
  EXPECT_THAT(Run("bridge -n a fdb show br evbr100"), Not(HasSubstr(MacOf("a1"))));
  // With the same VNI it goes on, also with what the kernel has.
  const std::string startup = directory_.Path("startup");
  std::ofstream(startup) << "evpn add vni 100 dev vxlan100 local 192.0.2.1\n";
  Launch('a', {"--name=bra", "--startup=" + startup});
  EXPECT_TRUE(WaitUntil([&] { return IsRemoteAt('a', MacOf("b1"), 'b'); }));
  EXPECT_EQ(Vni('a').at("state"), "up");
  switches_['a']->Kill();
  // Without it what was made is removed.
  Launch('a', {"--name=bra"});
  EXPECT_FALSE(HasLink('a', "evbr100"));
  EXPECT_FALSE(HasLink('a', "vxlan100"));
}

TEST_F(EvpnByHandTest, RepairsWhatSomebodyElseHasUndone) {
  AddVni('a');
  Run("ip -n a link set vxlan100 nomaster");
  EXPECT_TRUE(WaitUntil([&] {
    return Run("ip -n a link show vxlan100").find("master evbr100") != std::string::npos;
  }));
  Run("ip -n a link del evsh100");
  EXPECT_TRUE(WaitUntil([&] { return HasLink('a', "evsh100"); }));
  Run("ip -n a link del vxlan100");
  EXPECT_TRUE(WaitUntil([&] { return Vni('a').at("state") == "down"; }));
  EXPECT_THAT(Vni('a').at("reason"), HasSubstr("vxlan100"));
  Run("ip -n a link add vxlan100 up type vxlan id 100 local 192.0.2.1 dstport 4789 nolearning");
  EXPECT_TRUE(WaitUntil([&] { return Vni('a').at("state") == "up"; }));
}

TEST_F(EvpnByHandTest, TwoVnisInVlansAreKeptApart) {
  for (const char machine : {'a', 'b'}) {
    Tapctl(machine, "bridge set vlan_filtering on");
    AddVni(machine, "vlan 10", 100);
    AddVni(machine, "vlan 20", 200);
    Tapctl(machine, std::string("vlan del vid 1 dev v") + machine + "1");
    Tapctl(machine, std::string("vlan add vid 10 pvid untagged dev v") + machine + "1");
    Tapctl(machine, std::string("vlan add vid 20 dev v") + machine + "1");
  }
  for (const int vni : {100, 200}) {
    const std::string device = " dev vxlan" + std::to_string(vni) + " dst ";
    Run("bridge -n a fdb append 00:00:00:00:00:00" + device + Ip('b'));
    Run("bridge -n b fdb append 00:00:00:00:00:00" + device + Ip('a'));
  }
  ExpectAllPairs({"a1", "b1"});
  EXPECT_THAT(ShadowEntries('a', 100), HasSubstr(MacOf("a1")));
  EXPECT_THAT(ShadowEntries('a', 200), Not(HasSubstr(MacOf("a1"))));
  // The same address in the other VNI is another station.
  Run("bridge -n a fdb replace " + MacOf("a1") + " dev vxlan200 dst 192.0.2.2 static self master");
  EXPECT_TRUE(WaitUntil([&] {
    return TryTapctl('a', "fdb get " + MacOf("a1") + " vlan 20").output.find("remote 192.0.2.2") !=
           std::string::npos;
  }));
  EXPECT_THAT(Tapctl('a', "fdb get " + MacOf("a1") + " vlan 10"), HasSubstr("dev va1"));
  EXPECT_THAT(TryTapctl('a', "bridge set vlan_filtering off").output,
              HasSubstr("broadcast domain"));
}

// ---- Without root

class EvpnUserTest : public EvpnTest {
 protected:
  void Start(mode_t tun_mode, const std::string& startup = "") {
    tun_.emplace(tun_mode);
    AddMachine('a');
    std::vector<std::string> flags{"--user=nobody"};
    if (!startup.empty()) {
      const std::string file = std::string("/run/tapswitch/startup");
      std::ofstream(file) << startup;
      flags.push_back("--startup=" + file);
    }
    StartSwitch('a', flags, 1);
  }
  void ExpectInStep() {
    EXPECT_EQ(Vni('a').at("state"), "up") << Vni('a');
    Speak("a1");
    EXPECT_TRUE(
        WaitUntil([&] { return ShadowEntries('a').find(MacOf("a1")) != std::string::npos; }));
    Run("bridge -n a fdb replace " + MacOf("b1") +
        " dev vxlan100 dst 192.0.2.2 static self master");
    EXPECT_TRUE(WaitUntil([&] { return IsRemoteAt('a', MacOf("b1"), 'b'); }));
    EXPECT_EQ(Vni('a').at("refusals"), 0);
  }
  void ExpectNothingLeft() {
    for (const char* name : {"vxlan100", "evbr100", "evsh100"}) EXPECT_FALSE(HasLink('a', name));
  }

  std::optional<TunDevice> tun_;
};

TEST_F(EvpnUserTest, AVniIsMadeAndRemovedByWhoMayOpenTheDeviceOfTaps) {
  if (IsSkipped()) return;
  Start(0666);
  AddVni('a');
  ExpectInStep();
  Tapctl('a', "evpn del vni 100");
  ExpectNothingLeft();
  AddVni('a');
  switches_['a']->Stop();
  ExpectNothingLeft();
}

TEST_F(EvpnUserTest, WithoutThatAVniIsRefusedAndTheCureSaid) {
  if (IsSkipped()) return;
  Start(0600);
  const auto refused = TryTapctl('a', "evpn add vni 100 dev vxlan100 local 192.0.2.1");
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.output, AllOf(HasSubstr("/dev/net/tun"), HasSubstr("--startup")));
  EXPECT_EQ(std::count(refused.output.begin(), refused.output.end(), '\n'), 1) << refused.output;
  ExpectNothingLeft();
  EXPECT_EQ(Tapctl('a', "evpn show"), "");
}

TEST_F(EvpnUserTest, AVniOfTheStartupFileWorksWithoutThat) {
  if (IsSkipped()) return;
  Start(0600, "evpn add vni 100 dev vxlan100 local 192.0.2.1\n");
  ExpectInStep();
  switches_['a']->Stop();
  ExpectNothingLeft();
}

// ---- Upgrades

TEST_F(EvpnByHandTest, NeighboursOfTheUserAreSavedAndThoseOfOtherMachinesAreNot) {
  AddVni('a');
  Tapctl('a', "link set dev vxlan100 neigh_suppress on");
  Run("bridge -n a fdb replace " + MacOf("b1") + " dev vxlan100 dst 192.0.2.2 static self master");
  Run(RemoteNeighbour('a', "replace", "10.0.0.21", MacOf("b1")));
  // Of one that both know the user's stays.
  Run(RemoteNeighbour('a', "replace", "10.0.0.99", MacOf("b1")));
  EXPECT_TRUE(WaitUntil([&] { return HasNeighbour('a', "10.0.0.99"); }));
  Tapctl('a', "neigh replace 10.0.0.99 lladdr " + MacOf("b9"));
  EXPECT_TRUE(WaitUntil([&] { return HasNeighbour('a', "10.0.0.21"); }));
  const std::string saved = Tapctl('a', "save");
  EXPECT_THAT(saved, AllOf(HasSubstr("neigh replace 10.0.0.99 lladdr " + MacOf("b9") + "\n"),
                           Not(HasSubstr("10.0.0.21"))));
  const json answer = json::parse(Tapctl('a', "-j upgrade"));
  ASSERT_TRUE(switches_['a']->FollowSuccessor(answer.at("pid").get<pid_t>())) << answer;
  EXPECT_EQ(Tapctl('a', "save"), saved);
  EXPECT_TRUE(HasNeighbour('a', "10.0.0.21"));
  // Without the user's there is the other machine's.
  Tapctl('a', "neigh del 10.0.0.99");
  EXPECT_TRUE(WaitUntil([&] {
    return Tapctl('a', "neigh show").find("10.0.0.99 dev vxlan100 lladdr " + MacOf("b1")) !=
           std::string::npos;
  })) << Tapctl('a', "neigh show");
}

TEST_F(EvpnByHandTest, AnUpgradeKeepsTheShadowPortAndAllEntries) {
  AddVni('a');
  Speak("a1");
  Run("bridge -n a fdb replace " + MacOf("b1") + " dev vxlan100 dst 192.0.2.2 static self master");
  ASSERT_TRUE(WaitUntil([&] {
    return IsRemoteAt('a', MacOf("b1"), 'b') &&
           ShadowEntries('a').find(MacOf("a1")) != std::string::npos;
  }));
  const std::string log = directory_.Path("monitor");
  const std::string monitor = Run("ip -n a monitor neigh >" + log + " 2>&1 & echo $!");
  const json answer = json::parse(Tapctl('a', "-j upgrade"));
  ASSERT_TRUE(switches_['a']->FollowSuccessor(answer.at("pid").get<pid_t>())) << answer;
  EXPECT_TRUE(WaitUntil([&] { return Vni('a').at("macs_local") == 1; }));
  Run("kill " + monitor);
  EXPECT_TRUE(IsRemoteAt('a', MacOf("b1"), 'b'));
  std::ifstream lines(log);
  for (std::string line; std::getline(lines, line);) EXPECT_THAT(line, Not(HasSubstr("eleted")));
  // The new one follows.
  Run("bridge -n a fdb del " + MacOf("b1") + " dev vxlan100 self; bridge -n a fdb del " +
      MacOf("b1") + " dev vxlan100 master");
  EXPECT_TRUE(WaitUntil([&] { return EntryAt('a', MacOf("b1")).empty(); }));
}

}  // namespace
}  // namespace tapswitch::evpn_test
