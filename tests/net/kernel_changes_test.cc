// Conversations that the kernel carries end with whatever changes them: for the first frame after
// the answer of the command.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/carried_hosts.h"

namespace tapswitch::kernel_changes_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using namespace std::chrono_literals;

class KernelChangesTest : public CarriedHostsTest {};
INSTANTIATE_TEST_SUITE_P(Io, KernelChangesTest, kEachIo, IoName);

// ---- That each frame is seen by who has to see it: from the answer of the command on

struct Watched {
  std::string name;
  std::function<void(ControlClient&)> begin;
  std::function<void(ControlClient&)> end;
  std::string why;
  EtherType type = kTestType;  // of the frames that are to be seen
};

std::function<void(ControlClient&)> Calling(const std::string& method, const json& params) {
  return [method, params](ControlClient& client) { client.Call(method, params); };
}

std::vector<Watched> ScreeningSettings() {
  const std::string mac = Station(1).ToString();
  const auto allow = [](const json& stations) {
    return Calling("port.set", {{"name", "vnet1"}, {"allow", stations}});
  };
  const auto lock = [](bool is_locked, bool has_mab) {
    return Calling("link.set", {{"dev", "vnet1"}, {"locked", is_locked}, {"mab", has_mab}});
  };
  return {
      {"allow list", allow(json::array({mac})), allow(json::array()), "allow list"},
      {"allow list with IP", allow(json::array({mac + ",10.83.0.1"})), allow(json::array()),
       "allow list"},
      {"one station more", Calling("security.allow", {{"dev", "vnet1"}, {"station", mac}}),
       Calling("security.disallow", {{"dev", "vnet1"}, {"station", "all"}}), "allow list"},
      {"locked", lock(true, false), lock(false, false), "locked"},
      {"locked, MAB", lock(true, true), lock(false, false), "locked"},
  };
}

std::vector<Watched> ObservingSettings() {
  const auto mirror = [](json what) {
    what.update({{"name", "m"}, {"to", "vnet3"}});
    return Calling("mirror.add", what);
  };
  const auto unmirror = Calling("mirror.del", {{"name", "m"}});
  return {
      {"mirror", mirror({{"dev", json::array({"vnet1"})}}), unmirror, "mirror"},
      {"mirror of what leaves", mirror({{"dev", json::array({"vnet2"})}, {"direction", "egress"}}),
       unmirror, "mirror"},
      {"mirror of a VLAN", mirror({{"vlan", 1}}), unmirror, "mirror"},
  };
}

std::vector<Watched> OtherSettings() {
  const auto impair = [](const char* dev, const char* direction) {
    return Calling("impair.set", {{"dev", dev}, {"direction", direction}, {"delay", "1ms"}});
  };
  const auto suppress = [](bool is_on) {
    return Calling("link.set", {{"dev", "vnet2"}, {"neigh_suppress", is_on}});
  };
  const auto carry = [](bool is_on) {
    return Calling("link.set", {{"dev", "vnet2"}, {"kernel_forwarding", is_on}});
  };
  return {
      {"turned off", carry(false), carry(true), "kernel_forwarding off"},
      {"impaired on its way in", impair("vnet1", "ingress"),
       Calling("impair.del", {{"dev", "vnet1"}}), "impaired"},
      {"impaired on its way out", impair("vnet2", "egress"),
       Calling("impair.del", {{"dev", "vnet2"}}), "impaired"},
      {"ARP, where questions are answered", suppress(true), suppress(false), "protocol",
       EtherType::kArp},
  };
}

class WatchedTest : public KernelChangesTest {
 protected:
  // VLANs are filtered, so that one of them can be mirrored.
  void ExpectEachSeen(const std::vector<Watched>& settings) {
    Start({}, {"netdev", "netdev", "netdev"});
    if (IsSkipped()) return;
    client_->Call("bridge.set", {{"vlan_filtering", true}});
    client_->Call("security.set", {{"dev", "vnet1"}, {"max_macs", 9}});
    for (const Watched& setting : settings) {
      SCOPED_TRACE(setting.name);
      ExpectSeen(setting);
      setting.end(*client_);
    }
  }

 private:
  void ExpectSeen(const Watched& setting) {
    Introduce(1, 2);
    ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
    setting.begin(*client_);
    const uint64_t before = CarriedFrom("vnet1");
    for (int i = 0; i < 50; ++i) {
      sockets_[0].Send(
          FrameBuilder(Station(2), Station(1)).Type(setting.type).Text("seen").Pad(64).Build());
    }
    EXPECT_TRUE(WaitUntil([&] { return Kernel().at("flows").empty(); })) << Kernel().dump();
    EXPECT_EQ(CarriedFrom("vnet1"), before);
    const json trace = Trace(1, 2, setting.type);
    EXPECT_EQ(trace.at("kernel"), "no");
    EXPECT_THAT(trace.at("stages").dump(), HasSubstr(setting.why));
  }
};
INSTANTIATE_TEST_SUITE_P(Io, WatchedTest, kEachIo, IoName);

TEST_P(WatchedTest, ScreeningHoldsForTheFirstFrameAfterItsAnswer) {
  ExpectEachSeen(ScreeningSettings());
}

TEST_P(WatchedTest, ObservingHoldsForTheFirstFrameAfterItsAnswer) {
  ExpectEachSeen(ObservingSettings());
}

TEST_P(WatchedTest, AnyOtherSettingHoldsForTheFirstFrameAfterItsAnswer) {
  ExpectEachSeen(OtherSettings());
}

TEST_P(KernelChangesTest, AnEntryThatIsSetOrDeletedHoldsForTheFirstFrameAfterItsAnswer) {
  Start({}, {"netdev", "netdev", "netdev"});
  if (IsSkipped()) return;
  const PacketSocket third = network_->host(3).OpenPacketSocket();
  for (const bool is_static : {true, false}) {
    Introduce(1, 2);
    ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
    if (is_static) {
      client_->Call("fdb.replace",
                    {{"mac", Station(2).ToString()}, {"dev", "vnet3"}, {"state", "static"}});
    } else {
      client_->Call("fdb.del", {{"mac", Station(2).ToString()}, {"dev", "vnet2"}});
    }
    for (uint32_t i = 1000; i < 1005; ++i) Send(1, 2, i);
    for (uint32_t expected = 1000; expected < 1005;) {
      const auto number = NumberOf(third.Receive());
      ASSERT_TRUE(number.has_value());
      if (*number < 1000) continue;  // was flooded when nobody was known
      EXPECT_EQ(*number, expected++);
    }
    if (is_static) {
      client_->Call("fdb.del", {{"mac", Station(2).ToString()}, {"dev", "vnet3"}});
    }
  }
}

TEST_P(KernelChangesTest, AStationThatMovesTakesItsFramesAlong) {
  Start({}, {"netdev", "netdev", "netdev"});
  if (IsSkipped()) return;
  Introduce(1, 2);
  ASSERT_TRUE(BecomesCarried(1, 2));
  sockets_[2].Send(Numbered(Station(1), Station(2), 0));  // station 2 is behind port 3 now
  ASSERT_TRUE(WaitUntil([&] {
    return client_->Call("fdb.get", {{"mac", Station(2).ToString()}}).at(0).at("ifname") == "vnet3";
  }));
  // There may be a flow to the new port by now, of frames that were on their way.
  const json kernel = Kernel();
  for (const json& flow : kernel.at("flows")) EXPECT_NE(flow.at("out"), "vnet2") << flow;
  const PacketSocket third = network_->host(3).OpenPacketSocket();
  Send(1, 2, 77);
  std::optional<uint32_t> number = NumberOf(third.Receive());
  while (number == 0U) number = NumberOf(third.Receive());  // of those that were on their way
  EXPECT_EQ(number, 77U);
}

TEST_P(KernelChangesTest, WhatIsUsedDoesNotAgeAndWhatIsNotIsTakenBack) {
  Start({"--ageing_time=2s"});
  if (Kernel().at("kernel_forwarding") == "off") GTEST_SKIP();
  Introduce(1, 2);
  client_->Call("fdb.replace",
                {{"mac", Station(2).ToString()}, {"dev", "vnet2"}, {"state", "static"}});
  ASSERT_TRUE(BecomesCarried(1, 2));
  const auto end = std::chrono::steady_clock::now() + 5s;
  while (std::chrono::steady_clock::now() < end) {
    Send(1, 2);
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_EQ(Verdict(1, 2), "yes") << WhyNot(1, 2);
  EXPECT_EQ(client_->Call("fdb.get", {{"mac", Station(1).ToString()}}).at(0).at("ifname"), "vnet1");
  EXPECT_TRUE(WaitUntil([&] { return Kernel().at("flows").empty(); }));
}

TEST_P(KernelChangesTest, LongerFramesThanTheOtherPortTakesAreDroppedAsEver) {
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  ASSERT_TRUE(BecomesCarried(1, 2));
  network_->sandbox().Run("ip link set vnet2 mtu 1000");
  ASSERT_TRUE(WaitUntil([&] { return Port("vnet2").at("mtu") == 1000; }));
  EXPECT_NE(Verdict(1, 2), "yes");
  ASSERT_TRUE(BecomesCarried(1, 2));
  sockets_[0].Send(
      FrameBuilder(Station(2), Station(1)).Type(kTestType).Text("long").Pad(1200).Build());
  EXPECT_TRUE(WaitUntil([&] { return Port("vnet2").at("drops").at("too_long") == 1; }));
}

TEST_P(KernelChangesTest, ATraceOfSuchAFrameSaysThatTheKernelDoesNotCarryIt) {
  Start();
  if (IsSkipped()) return;
  Introduce(1, 2);
  ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
  const auto trace = [&](int size) {
    return client_->Call("trace", {{"in", "vnet1"},
                                   {"src", Station(1).ToString()},
                                   {"dst", Station(2).ToString()},
                                   {"type", 0x88B5},
                                   {"size", size}});
  };
  const int longest = Port("vnet2").at("mtu").get<int>() + 14;
  EXPECT_EQ(trace(longest).at("kernel"), "yes");
  EXPECT_EQ(trace(longest).at("cacheable"), true);
  // The switch allows for a tag more.
  constexpr int kTag = 4;
  for (const int size : {longest + 1, longest + kTag, longest + kTag + 1}) {
    EXPECT_EQ(trace(size).at("kernel"), "no") << size;
    EXPECT_THAT(trace(size).at("stages").dump(),
                HasSubstr("not carried by the kernel: it is longer than the MTU of the egress"));
  }
  EXPECT_EQ(trace(longest + kTag).at("decision"), "forward");
  const json longer = trace(longest + kTag + 1);
  EXPECT_EQ(longer.at("decision"), "drop");
  EXPECT_EQ(longer.at("cacheable"), false);
  EXPECT_EQ(longer.at("not_cacheable"), "dropped");
}

TEST_P(KernelChangesTest, TagsAreEditedByTheKernel) {
  Start();
  if (IsSkipped()) return;
  client_->Call("bridge.set", {{"vlan_filtering", true}});
  client_->Call("vlan.add", {{"dev", "vnet1"}, {"vid", "10"}, {"pvid", true}, {"untagged", true}});
  client_->Call("vlan.add", {{"dev", "vnet2"}, {"vid", "10"}});
  const PacketSocket first = network_->host(1).OpenPacketSocket();
  const PacketSocket second = network_->host(2).OpenPacketSocket();
  const auto untagged = TestFrame(Station(2), Station(1), "to");
  const auto tagged = FrameBuilder(Station(2), Station(1))
                          .Tag(EtherType::kVlan, 10)
                          .Type(kTestType)
                          .Text("to")
                          .Pad(64)
                          .Build();
  const auto back_tagged = FrameBuilder(Station(1), Station(2))
                               .Tag(EtherType::kVlan, 10)
                               .Type(kTestType)
                               .Text("back")
                               .Pad(64)
                               .Build();
  const auto back_untagged = TestFrame(Station(1), Station(2), "back");
  const auto exchange = [&] {
    sockets_[0].Send(untagged);
    EXPECT_EQ(second.Receive(), tagged);
    sockets_[1].Send(back_tagged);
    EXPECT_EQ(first.Receive(), back_untagged);
  };
  for (int i = 0; i < 100; ++i) exchange();
  const json vlans = client_->Call("vlan.list", {{"dev", "vnet2"}, {"statistics", true}});
  EXPECT_THAT(vlans.dump(), HasSubstr("100")) << vlans.dump();
  EXPECT_TRUE(WaitUntil([&] {
    exchange();
    return CarriedFrom("vnet1") > 10 && CarriedFrom("vnet2") > 10;
  }));
  EXPECT_EQ(Kernel().at("flows").size(), 2U) << Kernel().dump();
}

}  // namespace
}  // namespace tapswitch::kernel_changes_test
