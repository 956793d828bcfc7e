// What each method of the control protocol does to a running switch.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::control_test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Four hosts that say nothing unasked.
class ControlTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    network_.emplace(SilentHosts(io(), 4));
    client_.emplace();
  }

  // The hosts that a frame from host `from` is sent to. What a switch sends for a frame is counted
  // when the frame is.
  std::vector<int> Reached(int from, MacAddress source, MacAddress destination) {
    const auto packets = [&](const json& port, const char* way) {
      return port["stats64"][way]["packets"].get<uint64_t>();
    };
    const auto ingress = static_cast<size_t>(from - 1);
    const json before = Call("port.list");
    network_->host(from).OpenPacketSocket(0).Send(TestFrame(destination, source, "x"));
    json after;
    EXPECT_TRUE(WaitUntil([&] {
      after = Call("port.list");
      return packets(after[ingress], "rx") > packets(before[ingress], "rx");
    }));
    std::vector<int> reached;
    for (size_t i = 0; i < before.size(); ++i) {
      if (packets(after[i], "tx") != packets(before[i], "tx")) {
        reached.push_back(static_cast<int>(i) + 1);
      }
    }
    return reached;
  }

  json Call(const std::string& method, const json& params = json::object()) {
    return client_->Call(method, params);
  }
  std::string Refused(const std::string& method, const json& params) {
    return client_->Refused(method, params);
  }
  json Link(const std::string& name) { return Call("link.list", {{"dev", name}}).at(0); }
  json Port(const std::string& name) { return Call("port.list", {{"name", name}}).at(0); }
  json Entry(MacAddress address) { return Call("fdb.get", {{"mac", address.ToString()}}).at(0); }

  std::optional<TestNetwork> network_;
  std::optional<ControlClient> client_;
};
INSTANTIATE_TEST_SUITE_P(Io, ControlTest, kEachIo, IoName);

TEST_P(ControlTest, TheBridgeIsShownAndSet) {
  json bridge = Call("bridge.list").at(0);
  EXPECT_EQ(bridge["ifname"], "br0");
  EXPECT_EQ(bridge["ageing_time"], 30000);
  EXPECT_EQ(bridge["fdb_max_learned"], 0);
  EXPECT_EQ(bridge["n_ports"], 4);

  Call("bridge.set", {{"ageing_time", "12.5s"}, {"fdb_max_learned", 7}, {"mcast_snooping", false}});

  bridge = Call("bridge.show").at(0);
  EXPECT_EQ(bridge["ageing_time"], 1250);
  EXPECT_EQ(bridge["fdb_max_learned"], 7);
  EXPECT_THAT(Refused("bridge.set", {{"ageing_time", "12q"}}),
              HasSubstr("'12q': expected a number"));
  EXPECT_THAT(Refused("bridge.set", {{"mcast_igmp_version", 4}}), HasSubstr("from 2 to 3"));
  EXPECT_THAT(Refused("bridge.set", {{"colour", 1}}), HasSubstr("colour"));
}

TEST_P(ControlTest, LearningAndFloodingFollowTheFlags) {
  Call("link.set", {{"dev", "vnet2"}, {"flood", false}});
  EXPECT_THAT(Reached(1, Station(1), Station(9)), ElementsAre(3, 4));
  Call("link.set", {{"dev", "vnet3"}, {"bcast_flood", false}});
  EXPECT_THAT(Reached(1, Station(1), kBroadcastAddress), ElementsAre(2, 4));
  Call("link.set", {{"dev", "vnet4"}, {"mcast_flood", false}});
  EXPECT_THAT(Reached(1, Station(1), MacAddress::FromNumber(0x01005E010203)), ElementsAre(2, 3));

  Call("link.set", {{"dev", "vnet1"}, {"learning", false}});
  Reached(1, Station(5), kBroadcastAddress);
  EXPECT_THAT(Refused("fdb.get", {{"mac", Station(5).ToString()}}), HasSubstr("no entry"));
}

TEST_P(ControlTest, IsolatedPortsReachOnlyTheOthers) {
  Call("link.set", {{"dev", "vnet1"}, {"isolated", true}});
  Call("link.set", {{"dev", "vnet2"}, {"isolated", true}});
  EXPECT_THAT(Reached(1, Station(1), kBroadcastAddress), ElementsAre(3, 4));
  EXPECT_THAT(Reached(3, Station(3), kBroadcastAddress), ElementsAre(1, 2, 4));
}

TEST_P(ControlTest, AHairpinPortSendsBack) {
  Call("link.set", {{"dev", "vnet1"}, {"hairpin", true}});
  EXPECT_THAT(Reached(1, Station(1), kBroadcastAddress), ElementsAre(1, 2, 3, 4));
}

TEST_P(ControlTest, ALockedPortLetsOnlyKnownStationsIn) {
  Call("link.set", {{"dev", "vnet1"}, {"locked", true}});
  EXPECT_THAT(Reached(1, Station(1), kBroadcastAddress), IsEmpty());
  Call("fdb.add", {{"mac", Station(1).ToString()}, {"dev", "vnet1"}, {"state", "static"}});
  EXPECT_THAT(Reached(1, Station(1), kBroadcastAddress), ElementsAre(2, 3, 4));
  EXPECT_GE(Port("vnet1")["drops"]["locked"], 1);
}

TEST_P(ControlTest, AStateThatIsSetByHandStays) {
  for (const std::string state : {"disabled", "listening", "blocking", "learning"}) {
    Call("link.set", {{"dev", "vnet2"}, {"state", state}});
    EXPECT_EQ(Link("vnet2")["state"], state);
    EXPECT_THAT(Reached(1, Station(1), kBroadcastAddress), ElementsAre(3, 4)) << state;
  }
  Call("link.set", {{"dev", "vnet2"}, {"state", 3}});
  EXPECT_EQ(Link("vnet2")["state"], "forwarding");
  EXPECT_THAT(Reached(1, Station(1), kBroadcastAddress), ElementsAre(2, 3, 4));
}

TEST_P(ControlTest, AllOfALinkSetOrNothing) {
  const json before = Link("vnet1");
  EXPECT_THAT(Refused("link.set", {{"dev", "vnet1"}, {"learning", false}, {"state", "upright"}}),
              HasSubstr("upright"));
  EXPECT_THAT(Refused("link.set", {{"dev", "vnet1"}, {"isolated", true}, {"vlan_tunnel", true}}),
              HasSubstr("vlan_tunnel"));
  EXPECT_EQ(Link("vnet1"), before);
}

TEST_P(ControlTest, EntriesSetByHandDirectFrames) {
  Call("fdb.add", {{"mac", Station(7).ToString()}, {"dev", "vnet3"}, {"state", "static"}});
  EXPECT_THAT(Reached(1, Station(1), Station(7)), ElementsAre(3));
  EXPECT_EQ(Entry(Station(7))["state"], "static");
  EXPECT_THAT(Refused("fdb.add", {{"mac", Station(7).ToString()}, {"dev", "vnet2"}}),
              HasSubstr(Station(7).ToString()));

  Call("fdb.append", {{"mac", Station(7).ToString()}, {"dev", "vnet4"}, {"state", "static"}});
  EXPECT_THAT(Reached(1, Station(1), Station(7)), ElementsAre(3, 4));

  Call("fdb.replace", {{"mac", Station(7).ToString()}, {"dev", "vnet2"}, {"state", "static"}});
  EXPECT_THAT(Reached(1, Station(1), Station(7)), ElementsAre(2));

  EXPECT_THAT(Refused("fdb.del", {{"mac", Station(7).ToString()}, {"dev", "vnet3"}}),
              HasSubstr("no such entry"));
  Call("fdb.del", {{"mac", Station(7).ToString()}, {"dev", "vnet2"}});
  EXPECT_THAT(Reached(1, Station(1), Station(7)), ElementsAre(2, 3, 4));

  Call("fdb.add", {{"mac", Station(8).ToString()}, {"dev", "vnet2"}});
  EXPECT_EQ(Entry(Station(8))["state"], "permanent");
  EXPECT_THAT(Reached(1, Station(1), Station(8)), IsEmpty()) << "the bridge's own";
}

TEST_P(ControlTest, WhatNoEntryCanBeIsRefused) {
  const auto add = [&](const json& more) {
    json params{{"mac", Station(7).ToString()}, {"dev", "vnet3"}};
    params.update(more);
    return Refused("fdb.add", params);
  };
  EXPECT_THAT(add({{"mac", "01:00:5e:00:00:01"}}), HasSubstr("01:00:5e:00:00:01"));
  EXPECT_THAT(add({{"mac", "00:00:00:00:00:00"}}), HasSubstr("00:00:00:00:00:00"));
  EXPECT_THAT(add({{"mac", "02:00"}}), HasSubstr("02:00"));
  EXPECT_THAT(add({{"dev", "vnet77"}}), HasSubstr("vnet77"));
  EXPECT_THAT(add({{"vlan", 10}}), HasSubstr("vlan 10"));
  EXPECT_THAT(add({{"vlan", 5000}}), HasSubstr("5000"));
  EXPECT_THAT(add({{"sticky", true}}), HasSubstr("sticky"));
  EXPECT_THAT(add({{"state", "solid"}}), HasSubstr("solid"));
  Call("link.set", {{"dev", "vnet3"}, {"state", "blocking"}});
  EXPECT_THAT(add({{"state", "dynamic"}}), HasSubstr("no state to learn"));
}

TEST_P(ControlTest, LimitsRefuseAndCount) {
  Call("link.set", {{"dev", "vnet1"}, {"fdb_max_learned", 2}});
  for (int station = 11; station <= 15; ++station) Reached(1, Station(station), Station(1));
  EXPECT_EQ(Link("vnet1")["fdb_n_learned"], 2);
  EXPECT_GE(Port("vnet1")["learning"]["limited"], 3);
  Call("fdb.add", {{"mac", Station(30).ToString()}, {"dev", "vnet1"}, {"state", "static"}});

  Call("bridge.set", {{"fdb_max_learned", 1}});
  Reached(2, Station(21), Station(1));
  EXPECT_THAT(Refused("fdb.get", {{"mac", Station(21).ToString()}}), HasSubstr("no entry"));
  EXPECT_EQ(Link("vnet1")["fdb_n_learned"], 2) << "lowering evicts nothing";
}

TEST_P(ControlTest, AFlushTakesWhatItIsAskedTo) {
  Reached(1, Station(1), Station(9));
  Reached(2, Station(2), Station(9));
  Call("fdb.add", {{"mac", Station(7).ToString()}, {"dev", "vnet1"}, {"state", "static"}});
  Call("fdb.add", {{"mac", Station(8).ToString()}, {"dev", "vnet1"}});

  Call("fdb.flush", {{"dev", "vnet1"}, {"static", false}, {"permanent", false}});
  EXPECT_THAT(Refused("fdb.get", {{"mac", Station(1).ToString()}}), HasSubstr("no entry"));
  EXPECT_EQ(Entry(Station(2))["ifname"], "vnet2");
  EXPECT_EQ(Entry(Station(7))["state"], "static");

  Call("fdb.flush", {{"static", true}});
  EXPECT_THAT(Refused("fdb.get", {{"mac", Station(7).ToString()}}), HasSubstr("no entry"));
  EXPECT_EQ(Entry(Station(8))["state"], "permanent");

  Call("fdb.flush", {{"dev", "br0"}, {"permanent", false}});
  EXPECT_EQ(Entry(Station(8))["state"], "permanent");
  EXPECT_THAT(Refused("fdb.get", {{"mac", Station(2).ToString()}}), HasSubstr("no entry"));

  Call("fdb.flush");
  EXPECT_THAT(Call("fdb.list"), IsEmpty());
}

TEST_P(ControlTest, AgeingTimeChangesLive) {
  Reached(1, Station(1), Station(9));
  EXPECT_EQ(Entry(Station(1))["ifname"], "vnet1");
  Call("bridge.set", {{"ageing_time", "10ms"}});
  EXPECT_TRUE(WaitUntil([&] {
    return client_->Request("fdb.get", {{"mac", Station(1).ToString()}}).contains("error");
  }));
}

TEST_P(ControlTest, EventsAreTold) {
  ControlClient watcher;
  watcher.Call("monitor.start", {{"objects", {"fdb", "port", "link", "config"}}});
  const auto expect = [&](const json& wanted) {
    for (;;) {
      const json line = watcher.ReadLine();
      ASSERT_FALSE(line.is_null()) << "never told: " << wanted;
      const json& event = line["params"];
      bool matches = true;
      for (const auto& [key, value] : wanted.items()) matches &= event.value(key, json()) == value;
      if (matches) return;
    }
  };
  const std::string mac = Station(1).ToString();
  Reached(1, Station(1), Station(9));
  expect({{"object", "fdb"}, {"event", "learned"}, {"mac", mac}, {"ifname", "vnet1"}});
  Reached(2, Station(1), Station(9));
  expect({{"event", "moved"}, {"mac", mac}, {"ifname", "vnet2"}, {"from", "vnet1"}});
  Call("fdb.flush", {{"dev", "vnet2"}});
  expect({{"event", "flushed"}, {"mac", mac}, {"ifname", "vnet2"}});
  Call("fdb.add", {{"mac", mac}, {"dev", "vnet3"}, {"state", "static"}});
  expect({{"event", "added"}, {"mac", mac}, {"ifname", "vnet3"}, {"state", "static"}});
  Call("fdb.del", {{"mac", mac}, {"dev", "vnet3"}});
  expect({{"event", "deleted"}, {"mac", mac}});
  Call("link.set", {{"dev", "vnet1"}, {"isolated", true}});
  expect({{"object", "link"}, {"event", "changed"}, {"ifname", "vnet1"}, {"isolated", true}});
  expect({{"object", "config"},
          {"event", "changed"},
          {"method", "link.set"},
          {"params", {{"dev", "vnet1"}, {"isolated", true}}},
          {"user", getuid()},
          {"process", getpid()}});
  network_->sandbox().Run("ip -n h4 link set eth0 down");
  expect({{"object", "port"}, {"event", "down"}, {"ifname", "vnet4"}});
  network_->sandbox().Run("ip -n h4 link set eth0 up");
  expect({{"object", "port"}, {"event", "up"}, {"ifname", "vnet4"}});
  Call("port.add", {{"port", "extra"}});
  expect({{"object", "port"}, {"event", "added"}, {"ifname", "extra"}});
  Call("port.del", {{"name", "extra"}});
  expect({{"object", "port"}, {"event", "deleted"}, {"ifname", "extra"}});
  Reached(1, Station(1), Station(9));
  Call("bridge.set", {{"ageing_time", "10ms"}});
  expect({{"event", "aged"}, {"mac", mac}, {"ifname", "vnet1"}});
}

TEST_P(ControlTest, ATraceTellsWhatWouldHappenAndChangesNothing) {
  Reached(2, Station(2), Station(9));
  const json before = Call("fdb.list");
  json trace = Call(
      "trace", {{"in", "vnet1"}, {"src", Station(1).ToString()}, {"dst", Station(2).ToString()}});
  EXPECT_EQ(trace["decision"], "forward");
  EXPECT_EQ(trace["egress"], json({"vnet2"}));
  trace = Call("trace",
               {{"in", "vnet1"}, {"src", Station(1).ToString()}, {"dst", "ff:ff:ff:ff:ff:ff"}});
  EXPECT_EQ(trace["decision"], "flood");
  EXPECT_EQ(trace["egress"], json({"vnet2", "vnet3", "vnet4"}));
  trace = Call("trace",
               {{"in", "vnet1"}, {"src", "01:00:00:00:00:01"}, {"dst", Station(2).ToString()}});
  EXPECT_EQ(trace["decision"], "drop");
  EXPECT_EQ(trace["reason"], "source_multicast");
  EXPECT_EQ(Call("fdb.list").size(), before.size());
}

TEST_P(ControlTest, APortWhoseDeviceVanishedSaysSoAndComesBack) {
  Call("link.set", {{"dev", "vnet4"}, {"isolated", true}});
  Call("fdb.add", {{"mac", Station(7).ToString()}, {"dev", "vnet4"}, {"state", "static"}});
  network_->sandbox().Run("ip -n h4 link delete eth0");
  EXPECT_TRUE(WaitUntil([&] { return Port("vnet4")["link"] == "down"; }));
  EXPECT_THAT(std::string(Port("vnet4")["reason"]), HasSubstr("deleted"));
  EXPECT_EQ(Link("vnet4")["state"], "disabled");

  Call("port.add", {{"port", "vnet4,netns=h4"}});
  network_->host(4).Connect("vnet4");
  EXPECT_TRUE(WaitUntil([&] { return Port("vnet4")["link"] == "up"; }));
  EXPECT_EQ(Link("vnet4")["isolated"], true);
  EXPECT_EQ(Entry(Station(7))["ifname"], "vnet4");
  network_->host(1).Run("ping -q -i 0.1 -c 1 -w 20 " + network_->host(4).address(IpVersion::kV4));
}

TEST_P(ControlTest, AddingAPortThatIsThereOrCannotBeChangesNothing) {
  const json before = Call("port.list");
  EXPECT_THAT(Refused("port.add", {{"port", "vnet1"}}), HasSubstr("there already"));
  EXPECT_THAT(Refused("port.add", {{"port", "vnet9,mtu=1"}}), HasSubstr("mtu=1"));
  EXPECT_THAT(Refused("port.add", {{"port", "vnet9,netns=nowhere"}}), HasSubstr("nowhere"));
  EXPECT_THAT(Refused("port.add", {{"port", "glass:vnet9"}}), HasSubstr("glass"));
  EXPECT_THAT(Refused("port.del", {{"name", "vnet9"}}), HasSubstr("vnet9"));
  EXPECT_EQ(Call("port.list").size(), before.size());
}

TEST_P(ControlTest, APortThatIsRemovedTakesItsEntriesAlong) {
  Reached(1, Station(1), Station(9));
  Call("fdb.add", {{"mac", Station(7).ToString()}, {"dev", "vnet1"}, {"state", "static"}});
  Call("link.set", {{"dev", "vnet1"}, {"isolated", true}});
  Call("port.del", {{"name", "vnet1"}});
  EXPECT_THAT(network_->sandbox().TryRun("ip -n h1 link show eth0").status, Not(0));
  EXPECT_THAT(Refused("fdb.get", {{"mac", Station(1).ToString()}}), HasSubstr("no entry"));
  EXPECT_THAT(Refused("fdb.get", {{"mac", Station(7).ToString()}}), HasSubstr("no entry"));

  Call("port.add", {{"port", "vnet1,netns=h1"}});
  EXPECT_EQ(Link("vnet1")["isolated"], false) << "default flags";
}

}  // namespace
}  // namespace tapswitch::control_test
