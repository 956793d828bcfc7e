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
  std::string why;
};

class WatchedTest : public KernelChangesTest {};
INSTANTIATE_TEST_SUITE_P(Io, WatchedTest, kEachIo, IoName);

TEST_P(WatchedTest, ASettingHoldsForTheFirstFrameAfterItsAnswer) {
  const std::vector<Watched> settings{
      {"turned off",
       [](ControlClient& client) {
         client.Call("link.set", {{"dev", "vnet2"}, {"kernel_forwarding", false}});
       },
       "kernel_forwarding off"},
      {"mirror",
       [](ControlClient& client) {
         client.Call("mirror.add",
                     {{"name", "m"}, {"dev", json::array({"vnet1"})}, {"to", "vnet3"}});
       },
       "mirror"},
      {"mirror of what leaves",
       [](ControlClient& client) {
         client.Call("mirror.add", {{"name", "m"},
                                    {"dev", json::array({"vnet2"})},
                                    {"direction", "egress"},
                                    {"to", "vnet3"}});
       },
       "mirror"},
      {"allow list",
       [](ControlClient& client) {
         client.Call("security.set", {{"dev", "vnet1"}, {"max_macs", 9}});
         client.Call("port.set",
                     {{"name", "vnet1"}, {"allow", json::array({Station(1).ToString()})}});
       },
       "allow list"},
      {"locked",
       [](ControlClient& client) {
         client.Call("link.set", {{"dev", "vnet1"}, {"locked", true}});
       },
       "locked"},
  };
  Start({}, {"netdev", "netdev", "netdev"});
  if (IsSkipped()) return;
  for (const Watched& setting : settings) {
    SCOPED_TRACE(setting.name);
    Introduce(1, 2);
    ASSERT_TRUE(BecomesCarried(1, 2)) << WhyNot(1, 2);
    setting.begin(*client_);
    const uint64_t before = CarriedFrom("vnet1");
    for (uint32_t i = 0; i < 50; ++i) Send(1, 2, i);
    EXPECT_TRUE(WaitUntil([&] { return Kernel().at("flows").empty(); })) << Kernel().dump();
    EXPECT_EQ(CarriedFrom("vnet1"), before);
    EXPECT_EQ(Verdict(1, 2), "no");
    EXPECT_THAT(WhyNot(1, 2), HasSubstr(setting.why));
    client_->Request("mirror.del", {{"name", "m"}});
    client_->Call("port.set", {{"name", "vnet1"}, {"allow", json::array()}});
    client_->Call("link.set", {{"dev", "vnet1"}, {"locked", false}});
    client_->Call("link.set", {{"dev", "vnet2"}, {"kernel_forwarding", true}});
  }
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
