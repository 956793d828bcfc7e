// VLANs of a running switch: what tapctl's words do to real frames.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_drain.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/ip_packet.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"

namespace tapswitch::vlan_test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::Pair;

using Tags = std::vector<VlanTag>;
constexpr EtherType kQ = EtherType::kVlan;
constexpr EtherType kAd = EtherType::kServiceVlan;

Bytes FrameWith(const Tags& tags, MacAddress destination = Station(9),
                MacAddress source = Station(1)) {
  FrameBuilder frame(destination, source);
  for (const VlanTag tag : tags) frame.Tag(tag.protocol, tag.control);
  Bytes bytes = frame.Type(kTestType).Build();
  bytes.resize(bytes.size() + 50, std::byte{0x55});
  return bytes;
}

// Four hosts that say nothing unasked, and a bridge that filters VLANs.
class VlanTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    network_.emplace(SilentHosts(io(), 4, {"--vlan_filtering"}));
    client_.emplace();
    drain_.emplace(*network_, *client_);
    drain_->Drain();
  }

  json Call(const std::string& method, const json& params = json::object()) {
    return client_->Call(method, params);
  }
  std::string Refused(const std::string& method, const json& params) {
    return client_->Refused(method, params);
  }
  std::string Tapctl(const std::string& words) const {
    return network_->sandbox().Run(std::string(TAPCTL_PATH) + " " + words);
  }
  void Add(int host, const std::string& vid, const std::string& words = "") const {
    Tapctl("vlan add vid " + vid + " dev vnet" + std::to_string(host) + " " + words);
  }
  void Delete(int host, const std::string& vid) const {
    Tapctl("vlan del vid " + vid + " dev vnet" + std::to_string(host));
  }
  // A member of this VLAN only, untagged.
  void MakeAccess(int host, const std::string& vid) const {
    Delete(host, "1");
    Add(host, vid, "pvid untagged");
  }
  FrameDrain::Received Pass(int host, const Bytes& frame) { return drain_->Pass(host, frame); }
  json VlansOf(int host) {
    const json list = Call("vlan.list", {{"dev", "vnet" + std::to_string(host)}});
    return list.empty() ? json::array() : list.at(0)["vlans"];
  }

  std::optional<TestNetwork> network_;
  std::optional<ControlClient> client_;
  std::optional<FrameDrain> drain_;
};
INSTANTIATE_TEST_SUITE_P(Io, VlanTest, kEachIo, IoName);

TEST_P(VlanTest, NewPortsAreInTheDefaultVlanUntagged) {
  EXPECT_EQ(VlansOf(1), json::parse(R"([{"vlan": 1, "flags": ["PVID", "Egress Untagged"]}])"));
  const Bytes frame = FrameWith({});
  EXPECT_THAT(Pass(1, frame), ElementsAre(Pair(2, ElementsAre(frame)), Pair(3, ElementsAre(frame)),
                                          Pair(4, ElementsAre(frame))));
  EXPECT_EQ(Call("fdb.get", {{"mac", Station(1).ToString()}}).at(0)["vlan"], 1);
}

TEST_P(VlanTest, AccessPortsAndATrunk) {
  MakeAccess(1, "10");
  MakeAccess(2, "20");
  MakeAccess(3, "10");
  Delete(4, "1");
  Add(4, "10-20");
  EXPECT_THAT(Pass(1, FrameWith({})), ElementsAre(Pair(3, ElementsAre(FrameWith({}))),
                                                  Pair(4, ElementsAre(FrameWith({{kQ, 10}})))));
  EXPECT_THAT(Pass(4, FrameWith({{kQ, 0x6014}}, Station(8), Station(4))),
              ElementsAre(Pair(2, ElementsAre(FrameWith({}, Station(8), Station(4))))));
  // Untagged on a trunk without a PVID, or tagged with a VLAN it is not in.
  EXPECT_THAT(Pass(4, FrameWith({})), IsEmpty());
  EXPECT_THAT(Pass(4, FrameWith({{kQ, 30}})), IsEmpty());
  EXPECT_THAT(Pass(4, FrameWith({{kQ, 4095}})), IsEmpty());
  const json drops = Call("port.list", {{"name", "vnet4"}}).at(0)["drops"];
  EXPECT_EQ(drops["no_pvid"], 1);
  EXPECT_EQ(drops["not_member"], 1);
  EXPECT_EQ(drops["reserved_vid"], 1);
}

TEST_P(VlanTest, APriorityTagTakesThePvidAndKeepsItsPriority) {
  MakeAccess(1, "10");
  MakeAccess(2, "10");
  Delete(3, "1");
  Delete(4, "1");
  Add(3, "10");
  EXPECT_THAT(Pass(1, FrameWith({{kQ, 0xB000}})),
              ElementsAre(Pair(2, ElementsAre(FrameWith({}))),
                          Pair(3, ElementsAre(FrameWith({{kQ, 0xB00A}})))));
}

TEST_P(VlanTest, ATunnelPutsAServiceTagAround) {
  Tapctl("bridge set vlan_protocol 802.1ad");
  MakeAccess(1, "100");
  MakeAccess(2, "100");
  Delete(3, "1");
  Add(3, "100");
  Delete(4, "1");
  const Bytes customer = FrameWith({{kQ, 5}});
  const Bytes inside = FrameWith({{kAd, 100}, {kQ, 5}});
  EXPECT_THAT(Pass(1, customer),
              ElementsAre(Pair(2, ElementsAre(customer)), Pair(3, ElementsAre(inside))));
  const Bytes back = FrameWith({{kAd, 100}, {kQ, 5}}, Station(1), Station(3));
  EXPECT_THAT(Pass(3, back),
              ElementsAre(Pair(1, ElementsAre(FrameWith({{kQ, 5}}, Station(1), Station(3))))));
}

TEST_P(VlanTest, FilteringIsSwitchedWhileFramesFlow) {
  MakeAccess(1, "10");
  MakeAccess(2, "20");
  EXPECT_THAT(Pass(1, FrameWith({})), IsEmpty());
  Tapctl("bridge set vlan_filtering off");
  const Bytes tagged = FrameWith({{kQ, 77}});
  EXPECT_THAT(Pass(1, tagged), IsSupersetOf({Pair(2, ElementsAre(tagged))}));
  const json entry = Call("fdb.get", {{"mac", Station(1).ToString()}}).at(0);
  EXPECT_FALSE(entry.contains("vlan"));
  // The VLANs are still there.
  EXPECT_EQ(VlansOf(2), json::parse(R"([{"vlan": 20, "flags": ["PVID", "Egress Untagged"]}])"));
  Tapctl("bridge set vlan_filtering on");
  EXPECT_THAT(Pass(1, FrameWith({})), IsEmpty());
}

TEST_P(VlanTest, TheDefaultPvidIsChangedLive) {
  Add(1, "7", "pvid untagged");
  Tapctl("bridge set default_pvid 5");
  EXPECT_EQ(VlansOf(2), json::parse(R"([{"vlan": 5, "flags": ["PVID", "Egress Untagged"]}])"));
  EXPECT_EQ(VlansOf(1), json::parse(R"([{"vlan": 1, "flags": ["Egress Untagged"]},
                                        {"vlan": 7, "flags": ["PVID", "Egress Untagged"]}])"));
  EXPECT_THAT(Pass(2, FrameWith({})), ElementsAre(Pair(3, testing::_), Pair(4, testing::_)));
  Tapctl("bridge set default_pvid 0");
  EXPECT_THAT(VlansOf(2), IsEmpty());
  EXPECT_THAT(Pass(2, FrameWith({})), IsEmpty());
  EXPECT_EQ(Call("bridge.list").at(0)["vlan_default_pvid"], 0);
}

TEST_P(VlanTest, EachVlanLearnsForItself) {
  for (int host = 1; host <= 4; ++host) Add(host, "10");
  Pass(1, FrameWith({}, Station(9), Station(1)));
  Pass(2, FrameWith({{kQ, 10}}, Station(9), Station(1)));
  EXPECT_THAT(Tapctl("fdb get " + Station(1).ToString() + " vlan 1"),
              HasSubstr("dev vnet1 vlan 1"));
  EXPECT_THAT(Tapctl("fdb get " + Station(1).ToString() + " vlan 10"),
              HasSubstr("dev vnet2 vlan 10"));
  EXPECT_THAT(Pass(3, FrameWith({}, Station(1), Station(3))), ElementsAre(Pair(1, testing::_)));
  EXPECT_THAT(Pass(3, FrameWith({{kQ, 10}}, Station(1), Station(3))),
              ElementsAre(Pair(2, testing::_)));
  // A VLAN that a port leaves takes with it what was learned there, and nothing else.
  Delete(1, "10");
  EXPECT_THAT(Tapctl("fdb show dev vnet1"), HasSubstr(Station(1).ToString() + " vlan 1"));
  Delete(2, "10");
  EXPECT_THAT(Tapctl("fdb show dev vnet2"), Not(HasSubstr(Station(1).ToString())));
}

TEST_P(VlanTest, AnEntrySetByHandIsInAllVlansOfThePortOrInOne) {
  Add(1, "10");
  Tapctl("fdb add " + Station(5).ToString() + " dev vnet1 static");
  Tapctl("fdb add " + Station(6).ToString() + " dev vnet1 vlan 10 static");
  const std::string shown = Tapctl("fdb show dev vnet1");
  EXPECT_THAT(shown, HasSubstr(Station(5).ToString() + " vlan 1 "));
  EXPECT_THAT(shown, HasSubstr(Station(5).ToString() + " vlan 10 "));
  EXPECT_THAT(shown, HasSubstr(Station(6).ToString() + " vlan 10 "));
  EXPECT_THAT(shown, Not(HasSubstr(Station(6).ToString() + " vlan 1 ")));
  EXPECT_THAT(Refused("fdb.add", {{"mac", Station(7).ToString()}, {"dev", "vnet1"}, {"vlan", 30}}),
              HasSubstr("vnet1 is not a member of it"));
  Tapctl("fdb del " + Station(5).ToString() + " dev vnet1");
  EXPECT_THAT(Tapctl("fdb show dev vnet1"), Not(HasSubstr(Station(5).ToString())));
}

TEST_P(VlanTest, FloodingIsControlledPerVlan) {
  for (int host = 1; host <= 4; ++host) Add(host, "10");
  Tapctl("vlan set vid 10 dev vnet2 flood off");
  Tapctl("vlan set vid 10 dev vnet3 bcast_flood off");
  EXPECT_THAT(Pass(1, FrameWith({{kQ, 10}})),
              ElementsAre(Pair(3, testing::_), Pair(4, testing::_)));
  EXPECT_THAT(Pass(1, FrameWith({{kQ, 10}}, kBroadcastAddress)),
              ElementsAre(Pair(2, testing::_), Pair(4, testing::_)));
  EXPECT_EQ(Pass(1, FrameWith({})).size(), 3U);
  Tapctl("vlan set vid 10 dev vnet4 state blocking learning off");
  EXPECT_THAT(Pass(1, FrameWith({{kQ, 10}}, kBroadcastAddress)), ElementsAre(Pair(2, testing::_)));
  EXPECT_THAT(Tapctl("vlan show dev vnet4"), HasSubstr("10 state blocking learning off"));
  EXPECT_THAT(Refused("vlan.set", {{"vid", "10-11"}, {"dev", "vnet2"}, {"flood", true}}),
              HasSubstr("vid 11"));
}

TEST_P(VlanTest, AMemberIsShownAsBridge8ShowsIt) {
  Delete(1, "1");
  Add(1, "10-12");
  Add(1, "20", "pvid untagged");
  EXPECT_THAT(Tapctl("vlan show dev vnet1"),
              HasSubstr("port              vlan-id  \n"
                        "vnet1             10-12\n"
                        "                  20 PVID Egress Untagged\n"));
  EXPECT_EQ(json::parse(Tapctl("-j vlan show dev vnet1")),
            json::parse(R"([{"ifname": "vnet1", "vlans": [
                {"vlan": 10}, {"vlan": 11}, {"vlan": 12},
                {"vlan": 20, "flags": ["PVID", "Egress Untagged"]}]}])"));
  EXPECT_EQ(json::parse(Tapctl("-j -compressvlans vlan show dev vnet1")).at(0)["vlans"].at(0),
            json::parse(R"({"vlan": 10, "vlanEnd": 12})"));
  EXPECT_EQ(json::parse(Tapctl("-j vlan show")).size(), 5U) << "the bridge's own are shown, too";
}

TEST_P(VlanTest, FramesAreCountedPerVlan) {
  Add(1, "10");
  Add(2, "10");
  const Bytes frame = FrameWith({{kQ, 10}});
  Pass(1, frame);
  const auto counted = [&](int host) {
    return json::parse(Tapctl("-j -s vlan show vid 10 dev vnet" + std::to_string(host)))
        .at(0)["vlans"]
        .at(0);
  };
  EXPECT_EQ(counted(1)["rx_packets"], 1);
  EXPECT_EQ(counted(1)["rx_bytes"], frame.size());
  EXPECT_EQ(counted(1)["tx_packets"], 0);
  EXPECT_EQ(counted(2)["tx_packets"], 1);
  EXPECT_THAT(Tapctl("-s vlan show vid 10 dev vnet1"), HasSubstr("RX: 68 bytes 1 packets"));
}

TEST_P(VlanTest, WhatCannotBeIsRefused) {
  EXPECT_THAT(Refused("vlan.add", {{"vid", "4095"}, {"dev", "vnet1"}}), HasSubstr("'4095'"));
  EXPECT_THAT(Refused("vlan.add", {{"vid", 0}, {"dev", "vnet1"}}), HasSubstr("'0'"));
  EXPECT_THAT(Refused("vlan.add", {{"vid", "5"}, {"dev", "vnet9"}}), HasSubstr("vnet9"));
  EXPECT_THAT(Refused("vlan.add", {{"vid", "5-7"}, {"dev", "vnet1"}, {"pvid", true}}),
              HasSubstr("one PVID"));
  EXPECT_THAT(Refused("bridge.set", {{"vlan_protocol", "802.1x"}}), HasSubstr("802.1x"));
  EXPECT_THAT(Refused("bridge.set", {{"default_pvid", 4095}}), HasSubstr("4095"));
  Call("vlan.del", {{"vid", "5"}, {"dev", "vnet1"}});  // absent
}

TEST_P(VlanTest, ReservedAddressesAreForwardedOneByOne) {
  const auto reserved = [](uint64_t last) {
    return FrameWith({}, MacAddress::FromNumber(0x0180C2000000 + last));
  };
  EXPECT_THAT(Pass(1, reserved(0xE)), IsEmpty());
  Tapctl("bridge set group_fwd_mask 0x4000");  // LLDP
  EXPECT_EQ(Pass(1, reserved(0xE)).size(), 3U);
  EXPECT_THAT(Pass(1, reserved(2)), IsEmpty());
  Tapctl("link set dev vnet1 group_fwd_mask 0x7");  // STP, pause and LACP
  for (const uint64_t last : {0, 1, 2, 0xE}) EXPECT_EQ(Pass(1, reserved(last)).size(), 3U) << last;
  EXPECT_THAT(Pass(2, FrameWith({}, MacAddress::FromNumber(0x0180C2000002), Station(2))),
              IsEmpty());
  EXPECT_EQ(json::parse(Tapctl("-j bridge show")).at(0)["group_fwd_mask"], "0x4000");
  // They teach nothing.
  EXPECT_THAT(Tapctl("fdb show"), Not(HasSubstr(Station(1).ToString())));
  Tapctl("link set dev vnet3 mcast_flood off");
  EXPECT_THAT(Pass(1, reserved(2)), ElementsAre(Pair(2, testing::_), Pair(4, testing::_)));
}

TEST_P(VlanTest, ALargeFrameGetsItsTagAndKeepsItsSegments) {
  MakeAccess(1, "10");
  MakeAccess(2, "10");
  Delete(3, "1");
  Add(3, "10");
  IpPacket packet{.sequence = 1, .payload = Bytes(20'000, std::byte{7})};
  packet.destination = Bytes(16, std::byte{11});
  const Bytes unfinished = UnfinishedFrame(packet);
  const PacketSocket sender = network_->host(1).OpenPacketSocket(0);
  ASSERT_TRUE(sender.SendUnfinished(GsoHeader(packet, 1400), unfinished));
  FrameDrain::Received received;
  ASSERT_TRUE(WaitUntil([&] {
    for (auto& [host, frames] : drain_->Drain()) {
      auto& all = received[host];
      all.insert(all.end(), frames.begin(), frames.end());
    }
    return received.size() == 2;
  }));
  IpPacket tagged = packet;
  tagged.tags = {{.protocol = kQ, .control = 10}};
  EXPECT_THAT(received[2], ElementsAre(unfinished));
  EXPECT_THAT(received[3], ElementsAre(UnfinishedFrame(tagged)));
}

TEST_P(VlanTest, ABridgeWithVlansIsSavedAndStartedAgain) {
  MakeAccess(1, "10");
  Add(2, "10-20");
  Add(2, "12", "untagged");
  Delete(3, "1");
  Tapctl("vlan set vid 15 dev vnet2 learning off state learning");
  Tapctl("fdb add " + Station(5).ToString() + " dev vnet2 vlan 12 static");
  Tapctl("fdb add " + Station(6).ToString() + " dev vnet2 vlan 0 static");
  Tapctl("bridge set vlan_protocol 802.1ad group_fwd_mask 0x8");
  Tapctl("vlan add vid 30 dev br0");
  const std::string saved = Tapctl("save");
  const std::string path = "/run/tapswitch/saved";
  network_->sandbox().Run("cat >" + path + " <<'END'\n" + saved + "END");
  const std::string vlans = Tapctl("-j vlan show");
  network_->tapswitchd().Stop();

  SwitchProcess again({"--startup=" + path});
  ASSERT_TRUE(again.WaitUntilReady());
  EXPECT_EQ(Tapctl("save"), saved);
  EXPECT_EQ(Tapctl("-j vlan show"), vlans);
}

TEST_P(VlanTest, ATraceNamesTheVlan) {
  MakeAccess(1, "10");
  Add(2, "10");
  const std::string frame = "trace in vnet1 src 02:00:00:00:00:01 dst 02:00:00:00:00:02";
  EXPECT_THAT(Tapctl(frame), HasSubstr("untagged: belongs to VLAN 10, the PVID of vnet1"));
  EXPECT_THAT(Tapctl(frame), HasSubstr("leaves tagged by vnet2"));
  EXPECT_THAT(Tapctl(frame + " vlan 20"), HasSubstr("vnet1 is not a member of it"));
}

TEST_P(VlanTest, TheBridgesOwnAddressIsItsInItsVlansOnly) {
  const std::string own = Call("bridge.list").at(0)["address"];
  for (int host = 1; host <= 4; ++host) Add(host, "10");
  const auto to_bridge = [&](const Tags& tags) {
    return FrameWith(tags, *MacAddress::Parse(own), Station(1));
  };
  EXPECT_THAT(Pass(1, to_bridge({})), IsEmpty());
  EXPECT_EQ(Pass(1, to_bridge({{kQ, 10}})).size(), 3U);
  Tapctl("vlan add vid 10 dev br0 self");
  EXPECT_THAT(Pass(1, to_bridge({{kQ, 10}})), IsEmpty());
}

}  // namespace
}  // namespace tapswitch::vlan_test
