// Some VNIs are refused, and the settings of others change while they are there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/support/evpn_machines.h"

namespace tapswitch::evpn_edges_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class EvpnEdgesTest : public EvpnTest {
 protected:
  void SetUp() override {
    EvpnTest::SetUp();
    if (IsSkipped()) return;
    AddMachine('a');
    StartSwitch('a', {}, 1);
  }

  // Writes what a routing daemon would, of a station of machine b.
  void AnnounceRemote(const std::string& station, int vni = 100) const {
    Run("bridge -n a fdb replace " + MacOf(station) + " dev vxlan" + std::to_string(vni) +
        " dst 192.0.2.2 static self master");
  }
  [[nodiscard]] bool IsRemoteIn(const std::string& station, const std::string& vlan) const {
    const auto got = TryTapctl('a', "fdb get " + MacOf(station) + vlan);
    return got.output.find("remote 192.0.2.2") != std::string::npos;
  }
  std::string Refusal(const std::string& words) const {
    const auto result = TryTapctl('a', words);
    EXPECT_NE(result.status, 0) << words;
    return result.output;
  }
  // Starts the switch after a crash, with this startup file.
  void StartWith(const std::string& startup) {
    const std::string file = directory_.Path("startup");
    std::ofstream(file) << startup << '\n';
    Launch('a', {"--name=bra", "--startup=" + file});
  }
};

// One VNI has no vlan of its own, and so that of its port.
TEST_F(EvpnEdgesTest, TwoVnisInOneVlanAreRefusedHoweverItIsSaid) {
  Tapctl('a', "bridge set vlan_filtering on");
  AddVni('a');
  EXPECT_THAT(Refusal("evpn add vni 200 dev vxlan200 local 192.0.2.1 vlan 1"),
              HasSubstr("in one vlan (1) with vni 100"));
  AddVni('a', "vlan 20", 200);
  EXPECT_THAT(Refusal("vlan add vid 20 pvid untagged dev vxlan100"), HasSubstr("vni 100"));
  EXPECT_THAT(Tapctl('a', "vlan show dev vxlan100"), Not(HasSubstr("20")));
}

TEST_F(EvpnEdgesTest, ThePortOfAVniStaysAsTheVniNeedsIt) {
  Tapctl('a', "bridge set vlan_filtering on");
  AddVni('a', "vlan 10");
  EXPECT_THAT(Refusal("vlan del vid 10 dev vxlan100"), HasSubstr("evpn del vni 100"));
  EXPECT_THAT(Refusal("vlan add vid 11 dev vxlan100"), HasSubstr("vlan 10 alone"));
  EXPECT_THAT(Refusal("link set dev vxlan100 learning on"), HasSubstr("needs learning off"));
  Tapctl('a', "link set dev vxlan100 flood off");
}

TEST_F(EvpnEdgesTest, NoFrameGoesFromOneTunnelToAnother) {
  Tapctl('a', "bridge set vlan_filtering on");
  AddVni('a');
  AddVni('a', "vlan 20", 200);
  // The first one has no vlan of its own, and may be a member of several.
  Tapctl('a', "vlan add vid 20 dev vxlan100");
  EXPECT_THAT(Tapctl('a', "trace in vxlan200 src " + MacOf("b1") + " dst ff:ff:ff:ff:ff:ff"),
              HasSubstr("both lead to other machines"));
  EXPECT_THAT(Tapctl('a', "reach"), HasSubstr("both lead to other machines"));
}

TEST_F(EvpnEdgesTest, StationsOfAVlanThatIsNoLongerThatOfTheVniGoWithIt) {
  AddVni('a');
  Tapctl('a', "link set dev vxlan100 neigh_suppress on");
  AnnounceRemote("b1");
  Run(RemoteNeighbour('a', "replace", "10.0.0.21", MacOf("b1")));
  ASSERT_TRUE(WaitUntil([&] { return IsRemoteIn("b1", "") && HasNeighbour('a', "10.0.0.21"); }));
  Tapctl('a', "bridge set vlan_filtering on");
  EXPECT_TRUE(WaitUntil([&] { return IsRemoteIn("b1", " vlan 1"); }));
  EXPECT_TRUE(WaitUntil([&] { return HasNeighbour('a', "10.0.0.21"); }));
  Tapctl('a', "bridge set vlan_filtering off");
  EXPECT_TRUE(WaitUntil([&] { return IsRemoteIn("b1", ""); }));
  const json entries = json::parse(Tapctl('a', "-j fdb show"));
  int found = 0;
  for (const json& entry : entries) found += entry.at("mac") == MacOf("b1") ? 1 : 0;
  EXPECT_EQ(found, 1) << entries;
}

// Zebra does the same for an entry that is sticky in the kernel's bridge.
TEST_F(EvpnEdgesTest, AStationThatWasEnteredByHandIsAnnouncedAsOneThatDoesNotMove) {
  AddVni('a');
  Tapctl('a', "fdb replace " + MacOf("a1") + " dev va1 static");
  const auto shadow = [&] {
    return TryRun("bridge -n a fdb show br evbr100 | grep " + MacOf("a1")).output;
  };
  EXPECT_TRUE(WaitUntil([&] { return shadow().find("sticky") != std::string::npos; })) << shadow();
  Tapctl('a', "fdb del " + MacOf("a1") + " dev va1");
  Speak("a1");
  EXPECT_TRUE(WaitUntil([&] {
    return shadow().find("extern_learn") != std::string::npos &&
           shadow().find("sticky") == std::string::npos;
  })) << shadow();
}

TEST_F(EvpnEdgesTest, AnotherPortThanThatOfADeviceIsRefused) {
  Run("ip -n a link add vxlan100 type vxlan id 100 local 192.0.2.1 dstport 4789 nolearning");
  EXPECT_THAT(Refusal("evpn add vni 100 dev vxlan100 port 8472"), HasSubstr("has UDP port 4789"));
  Run("ip -n a link del vxlan100");
  Tapctl('a', "evpn add vni 100 dev vxlan100 local 192.0.2.1 port 8472");
  EXPECT_EQ(Vni('a').at("port"), 8472);
  EXPECT_THAT(Tapctl('a', "save"), HasSubstr("local 192.0.2.1 port 8472\n"));
  EXPECT_THAT(Run("ip -n a -d link show vxlan100"), HasSubstr("dstport 8472"));
}

TEST_F(EvpnEdgesTest, AfterACrashAChangedStartupFileCounts) {
  Run("ip -n a address add 192.0.2.77/24 dev eth0");
  AddVni('a');
  for (const std::string words :
       {"vni 100 dev vxlan100 local 192.0.2.77", "vni 200 dev vxlan100 local 192.0.2.77",
        "vni 200 dev tunnel local 192.0.2.77", "vni 200 dev tunnel local 192.0.2.1 port 8472"}) {
    SCOPED_TRACE(words);
    switches_['a']->Kill();
    StartWith("evpn add " + words);
    EXPECT_EQ(json::parse(Tapctl('a', "-j evpn show")).at(0).at("state"), "up");
    EXPECT_THAT(Tapctl('a', "save"), HasSubstr("evpn add " + words + "\n"));
  }
  for (const char* name : {"vxlan100", "evbr100"}) EXPECT_FALSE(HasLink('a', name)) << name;
}

}  // namespace
}  // namespace tapswitch::evpn_edges_test
