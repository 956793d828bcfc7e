// Two ports of a running switch that a cable joins far away.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::loop_detection_test {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;

// Hosts 1 and 2 bridge their eth0 and a cable between them; host 3 does not.
class LoopDetectionTest : public SwitchTest {
 protected:
  void Start() {
    network_.emplace(TestNetwork::Options{
        .io = io(), .ports = {"", "", ""}, .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces});
    client_.emplace();
    for (const int number : {1, 2}) {
      const TestHost& host = network_->host(number);
      host.Run("ip link add hub type bridge");
      host.Run("ip link set dev hub up");
      host.Run("ip link set dev eth0 master hub");
    }
  }

  void PlugIn() {
    network_->sandbox().Run(
        "ip -n h1 link add cable type veth peer name cable netns h2 && "
        "ip -n h1 link set dev cable master hub && ip -n h2 link set dev cable master hub && "
        "ip -n h1 link set dev cable up && ip -n h2 link set dev cable up");
    // The kernel takes its time to notice that the cable carries.
    const auto forwards = [&](int number) {
      const auto state = network_->host(number).TryRun("cat /sys/class/net/cable/brport/state");
      return state.output == "3\n";
    };
    EXPECT_TRUE(WaitUntil([&] { return forwards(1) && forwards(2); }));
  }
  void PullOut() { network_->host(1).Run("ip link del cable"); }

  void SetLoop(const json& settings) { client_->Call("loop.set", settings); }
  json Loop() { return client_->Call("loop.list").at(0); }
  json Port(int number) {
    return client_->Call("port.list", {{"name", network_->host(number).port()}}).at(0);
  }
  std::string State(int number) { return Port(number)["state"]; }
  [[nodiscard]] bool WaitForState(int number, const std::string& state) {
    return WaitUntil([&] { return State(number) == state; });
  }

  std::optional<TestNetwork> network_;
  std::optional<ControlClient> client_;
};
INSTANTIATE_TEST_SUITE_P(Io, LoopDetectionTest, kEachIo, IoName);

TEST_P(LoopDetectionTest, TheHigherPortOfALoopIsBlockedInTheFirstPeriod) {
  Start();
  PlugIn();
  SetLoop({{"period", "60s"}});
  ASSERT_TRUE(WaitForState(2, "disabled"));
  EXPECT_EQ(Loop()["probes"], 3) << "one by each port";
  EXPECT_EQ(Loop()["loops"], 1);
  EXPECT_EQ(State(1), "forwarding");
  EXPECT_EQ(State(3), "forwarding");
  EXPECT_EQ(Port(2)["shut_down"], "loop");
  EXPECT_EQ(Loop()["blocked"].at(0)["ifname"], "vnet2");
  EXPECT_TRUE(WaitUntil([&] { return Port(1)["drops"]["loop_probe"] == 1; }));
  EXPECT_TRUE(network_->tapswitchd().WaitForLog("vnet2: loop"));
}

TEST_P(LoopDetectionTest, ACableThatIsPluggedInLaterIsFound) {
  Start();
  SetLoop({{"period", "100ms"}});
  ASSERT_TRUE(WaitUntil([&] { return Loop()["probes"] >= 6; }));
  EXPECT_EQ(Loop()["loops"], 0);
  EXPECT_EQ(State(2), "forwarding");
  PlugIn();
  EXPECT_TRUE(WaitForState(2, "disabled"));
  EXPECT_EQ(State(1), "forwarding");
}

TEST_P(LoopDetectionTest, FramesDoNotGoRoundOnceAPortIsBlocked) {
  Start();
  PlugIn();
  SetLoop({{"period", "60s"}});
  ASSERT_TRUE(WaitForState(2, "disabled"));
  const PacketSocket third = network_->host(3).OpenPacketSocket(0x88B6);
  network_->host(3).OpenPacketSocket(0).Send(
      FrameBuilder(kBroadcastAddress, Station(3)).Type(EtherType{0x88B6}).Pad(60).Build());
  // By port 1, the cable, and back to port 2.
  ASSERT_TRUE(WaitUntil([&] { return Port(2)["stats64"]["rx"]["dropped"] >= 1; }));
  const auto later =
      FrameBuilder(kBroadcastAddress, Station(1)).Type(EtherType{0x88B6}).Text("later").Build();
  network_->host(1).OpenPacketSocket(0).Send(later);
  EXPECT_EQ(third.Receive(), later) << "and not its own";
}

TEST_P(LoopDetectionTest, ABlockedPortForwardsAgainAfterAWhileAndIsBlockedAgainWhileTheLoopLasts) {
  Start();
  PlugIn();
  SetLoop({{"period", "100ms"}, {"recovery", "300ms"}});
  ASSERT_TRUE(WaitUntil([&] { return Loop()["loops"] >= 3; }));
  PullOut();
  const auto is_quiet = [&] {
    const uint64_t probes = Loop()["probes"];
    const uint64_t loops = Loop()["loops"];
    return WaitUntil([&] { return Loop()["probes"] >= probes + 30; }) && Loop()["loops"] == loops;
  };
  EXPECT_TRUE(WaitUntil(is_quiet));
  EXPECT_EQ(State(2), "forwarding");
  EXPECT_EQ(Loop()["blocked"], json::array());
}

TEST_P(LoopDetectionTest, OrWhenSomebodySaysSo) {
  Start();
  ControlClient watcher;
  watcher.Call("monitor.start", {{"objects", {"port"}}});
  PlugIn();
  SetLoop({{"period", "100ms"}, {"recovery", "off"}});
  // That stations move to and fro may be noticed first, or meanwhile.
  const auto next = [&] {
    json event = watcher.ReadLine()["params"];
    while (event.value("alarm", "") == "loop_suspected") event = watcher.ReadLine()["params"];
    return event;
  };
  const json alarm = next();
  EXPECT_EQ(alarm["event"], "alarm");
  EXPECT_EQ(alarm["alarm"], "loop");
  EXPECT_EQ(alarm["ifname"], "vnet2");
  EXPECT_EQ(alarm["other"], "vnet1");
  EXPECT_EQ(alarm["shut_down"], true);
  ASSERT_TRUE(WaitForState(2, "disabled"));
  EXPECT_FALSE(Loop()["blocked"].at(0).contains("seconds_left"));

  PullOut();
  client_->Call("port.recover", {{"name", "vnet2"}});
  EXPECT_EQ(next()["event"], "recovered");
  EXPECT_TRUE(WaitForState(2, "forwarding"));
  EXPECT_THAT(client_->Refused("port.recover", {{"name", "vnet2"}}), HasSubstr("not shut down"));
}

TEST_P(LoopDetectionTest, ALoopThatIsOnlyLoggedIsLoggedOnce) {
  Start();
  PlugIn();
  SetLoop({{"period", "100ms"}, {"action", "log"}});
  ASSERT_TRUE(WaitUntil([&] { return Loop()["probes"] >= 30; }));
  EXPECT_EQ(State(2), "forwarding");
  EXPECT_EQ(Loop()["loops"], 1);
  EXPECT_EQ(network_->tapswitchd().CountInLog("vnet2: loop: "), 1U);
}

TEST_P(LoopDetectionTest, APortThatTakesNoPartIsNotBlocked) {
  Start();
  client_->Call("link.set", {{"dev", "vnet2"}, {"loop_detection", false}});
  PlugIn();
  SetLoop({{"period", "100ms"}});
  EXPECT_TRUE(WaitForState(1, "disabled"));
  EXPECT_EQ(State(2), "forwarding");
}

TEST_P(LoopDetectionTest, ProbesOfAnotherBridgePass) {
  Start();
  SetLoop({{"period", "60s"}});
  const PacketSocket first = network_->host(1).OpenPacketSocket();
  const auto probe = FrameBuilder(kBroadcastAddress, Station(3))
                         .Type(EtherType{0x88B5})
                         .Text("TSLP")
                         .Pad(60)
                         .Build();
  network_->host(3).OpenPacketSocket(0).Send(probe);
  EXPECT_TRUE(WaitUntil([&] { return first.Receive() == probe; }));
}

TEST_P(LoopDetectionTest, WhatIsSetIsCheckedShownAndSaved) {
  Start();
  EXPECT_EQ(Loop()["enabled"], false);
  EXPECT_EQ(Loop()["period"], 0.0);
  EXPECT_EQ(Loop()["recovery"], 300.0);
  EXPECT_THAT(client_->Refused("loop.set", {{"period", "50ms"}}), HasSubstr("100ms"));
  EXPECT_THAT(client_->Refused("loop.set", {{"period", "1"}}), HasSubstr("unit"));
  EXPECT_THAT(client_->Refused("loop.set", {{"action", "cry"}}), HasSubstr("block or log"));
  EXPECT_THAT(client_->Refused("loop.set", {{"recovery", 5}}), HasSubstr("text"));
  SetLoop({{"period", "2500ms"}, {"action", "log"}, {"recovery", "off"}});
  EXPECT_EQ(Loop()["enabled"], true);
  EXPECT_EQ(Loop()["period"], 2.5);
  EXPECT_EQ(Loop()["action"], "log");
  EXPECT_THAT(client_->Call("config.save"),
              Contains("loop set period 2.50s action log recovery off"));
  EXPECT_THAT(network_->sandbox().Run(TAPCTL_PATH " loop show"),
              HasSubstr("br0: loop detection on period 2.5s action log recovery off"));
  SetLoop({{"period", "off"}});
  EXPECT_EQ(Loop()["enabled"], false);
}

}  // namespace
}  // namespace tapswitch::loop_detection_test
