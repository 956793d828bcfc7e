// The guards of ports in the running switch: storms, too many stations, stations that move to and
// fro, forged addresses, and stations that wait for permission.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::guards_test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Frame = std::vector<std::byte>;

// Three hosts that say nothing unasked. vnet1 is guarded.
class GuardsTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    network_.emplace(SilentHosts(io(), 3));
    client_.emplace();
  }

  json Call(const std::string& method, const json& params = json::object()) {
    return client_->Call(method, params);
  }
  std::string Refused(const std::string& method, const json& params) {
    return client_->Refused(method, params);
  }
  json Port(int host) { return Call("port.list").at(static_cast<size_t>(host) - 1); }
  static uint64_t Packets(const json& port, const char* way) {
    return port["stats64"][way]["packets"].get<uint64_t>();
  }
  uint64_t Drops(const char* reason) { return Port(1)["drops"][reason].get<uint64_t>(); }

  // The frames that the other hosts were sent because of these.
  uint64_t Forwarded(int from, const std::vector<Frame>& frames) {
    const json before = Port(from);
    const PacketSocket socket = network_->host(from).OpenPacketSocket(0);
    for (const Frame& frame : frames) socket.Send(frame);
    json after;
    EXPECT_TRUE(WaitUntil([&] {
      after = Port(from);
      return Packets(after, "rx") >= Packets(before, "rx") + frames.size();
    }));
    return after["forwarded"].get<uint64_t>() - before["forwarded"].get<uint64_t>();
  }
  bool Passes(int from, MacAddress source, MacAddress destination = kBroadcastAddress) {
    return Forwarded(from, {TestFrame(destination, source, "x")}) == 1;
  }

  // The next event of that name.
  json NextEvent(ControlClient& watcher, const std::string& name) {
    for (;;) {
      json line = watcher.ReadLine();
      if (line.is_null()) return line;
      if (line.contains("params") && line["params"]["event"] == name) return line["params"];
    }
  }
  std::string Tapctl(const std::string& words) {
    const auto result = network_->sandbox().TryRun(TAPCTL_PATH " " + words);
    EXPECT_EQ(result.status, 0) << words << ": " << result.output;
    return result.output;
  }

  std::optional<TestNetwork> network_;
  std::optional<ControlClient> client_;
};
INSTANTIATE_TEST_SUITE_P(Io, GuardsTest, kEachIo, IoName);

TEST_P(GuardsTest, AFloodIsLimitedToItsRate) {
  Tapctl("storm set dev vnet1 broadcast 100pps burst 200ms");
  const auto begin = std::chrono::steady_clock::now();
  constexpr uint64_t kFrames = 400;
  const uint64_t passed =
      Forwarded(1, std::vector<Frame>(kFrames, TestFrame(kBroadcastAddress, Station(1), "storm")));
  const std::chrono::duration<double> span = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(passed, 20U) << "the burst";
  // The clock ticks in hundredths of a second.
  EXPECT_LE(static_cast<double>(passed), 20 + 100 * (span.count() + 0.02) + 1);
  EXPECT_EQ(Drops("storm"), kFrames - passed);
  EXPECT_EQ(Call("storm.list", {{"dev", "vnet1"}})[0]["dropped"]["broadcast"], kFrames - passed);
  EXPECT_TRUE(network_->tapswitchd().WaitForLog("vnet1: storm of broadcast frames from"));
  EXPECT_EQ(network_->tapswitchd().CountInLog("storm of"), 1U) << "once an episode";
  EXPECT_EQ(Forwarded(2, std::vector<Frame>(40, TestFrame(kBroadcastAddress, Station(2), "x"))),
            40U);
  EXPECT_THAT(Tapctl("storm show dev vnet1"), HasSubstr("vnet1: broadcast 100pps burst 0.20s"));
}

TEST_P(GuardsTest, AStormShutsThePortDownUntilItRecovers) {
  ControlClient watcher;
  watcher.Call("monitor.start", {{"objects", {"port"}}});
  Tapctl("storm set dev vnet1 unknown 10pps action shutdown recovery 1s");
  Forwarded(1, std::vector<Frame>(20, TestFrame(Station(9), Station(1), "storm")));
  const json alarm = NextEvent(watcher, "alarm");
  EXPECT_EQ(alarm["ifname"], "vnet1");
  EXPECT_EQ(alarm["alarm"], "storm");
  EXPECT_EQ(alarm["storm"], "unknown");
  EXPECT_EQ(alarm["shut_down"], true);
  EXPECT_EQ(alarm["recovery"], "1s");
  EXPECT_EQ(NextEvent(watcher, "recovered")["ifname"], "vnet1");
  EXPECT_EQ(Port(1)["state"], "forwarding");
  EXPECT_TRUE(Passes(1, Station(1)));
}

TEST_P(GuardsTest, AShutDownPortIsRecoveredByHand) {
  Tapctl("storm set dev vnet1 broadcast 10pps action shutdown recovery 0s");
  Forwarded(1, std::vector<Frame>(20, TestFrame(kBroadcastAddress, Station(1), "storm")));
  ASSERT_TRUE(WaitUntil([&] { return Port(1).contains("shut_down"); }));
  EXPECT_EQ(Port(1)["state"], "disabled");
  EXPECT_EQ(Port(1)["shut_down"], "storm");
  EXPECT_FALSE(Passes(1, Station(1), Station(9)));
  EXPECT_GE(Drops("shut_down"), 1U);
  EXPECT_THAT(Tapctl("port show vnet1"), HasSubstr("(shut down: storm)"));
  Tapctl("port recover vnet1");
  EXPECT_TRUE(Passes(1, Station(1), Station(9)));
  EXPECT_THAT(Refused("port.recover", {{"name", "vnet1"}}), HasSubstr("it is not shut down"));
  EXPECT_THAT(Refused("port.recover", {{"name", "nobody"}}), HasSubstr("'nobody' is no port"));
}

TEST_P(GuardsTest, AStationTooManyIsDroppedOrTakesAPlace) {
  Tapctl("security set dev vnet1 max_macs 1 violation drop");
  EXPECT_TRUE(Passes(1, Station(1)));
  EXPECT_FALSE(Passes(1, Station(2)));
  EXPECT_EQ(Drops("learn_limit"), 1U);
  EXPECT_TRUE(network_->tapswitchd().WaitForLog("vnet1: fdb_limit from " + Station(2).ToString()));
  Tapctl("security set dev vnet1 violation replace");
  EXPECT_TRUE(Passes(1, Station(2)));
  EXPECT_THAT(Refused("fdb.get", {{"mac", Station(1).ToString()}}), HasSubstr("no entry"));
  EXPECT_EQ(Call("fdb.get", {{"mac", Station(2).ToString()}})[0]["ifname"], "vnet1");
  Tapctl("security set dev vnet1 violation shutdown recovery 0s");
  EXPECT_FALSE(Passes(1, Station(3)));
  EXPECT_TRUE(WaitUntil([&] { return Port(1).contains("shut_down"); }));
}

TEST_P(GuardsTest, AFlappingStationIsHeldAndReportedOnce) {
  Tapctl("security set dev vnet1 moves 3/10s move_action damp");
  for (int move = 0; move < 8; ++move) {
    EXPECT_TRUE(Passes(2, Station(1)));
    EXPECT_TRUE(Passes(1, Station(1)));
  }
  EXPECT_TRUE(Passes(2, Station(1)));
  EXPECT_EQ(Call("fdb.get", {{"mac", Station(1).ToString()}})[0]["ifname"], "vnet1");
  const std::string line = "vnet1: mac_moves from " + Station(1).ToString() +
                           ", other port vnet2: held where it is for 300s";
  EXPECT_TRUE(network_->tapswitchd().WaitForLog(line));
  EXPECT_EQ(network_->tapswitchd().CountInLog("mac_moves"), 1U);
}

Frame Arp(MacAddress source, MacAddress sender, uint32_t ip) {
  return FrameBuilder(kBroadcastAddress, source)
      .Type(EtherType::kArp)
      .U16(1)
      .U16(0x0800)
      .U16(0x0604)
      .U16(1)
      .Bytes(sender.bytes())
      .U32(ip)
      .Bytes(MacAddress().bytes())
      .U32(0x0A530003)
      .Pad(60)
      .Build();
}

TEST_P(GuardsTest, OnlyAllowedAddressesAreSpokenFrom) {
  const TestHost& host = network_->host(1);
  Tapctl("security allow " + host.mac().ToString() + "," + host.address(IpVersion::kV4) +
         " dev vnet1");
  EXPECT_EQ(host.TryRun("ping -c 1 -W 10 " + network_->host(2).address(IpVersion::kV4)).status, 0);
  EXPECT_FALSE(Passes(1, Station(1))) << "another MAC address";
  EXPECT_EQ(Forwarded(1, {Arp(host.mac(), host.mac(), 0x0A530001)}), 1U) << "10.83.0.1";
  EXPECT_EQ(Forwarded(1, {Arp(host.mac(), host.mac(), 0x0A530002)}), 0U) << "of host 2";
  EXPECT_EQ(Forwarded(1, {Arp(host.mac(), Station(1), 0x0A530001)}), 0U) << "for another";
  host.Run("ip addr add 10.83.0.77/24 dev eth0");
  EXPECT_NE(host.TryRun("ping -c 1 -W 1 -I 10.83.0.77 " + network_->host(2).address(IpVersion::kV4))
                .status,
            0);
  EXPECT_GE(Drops("spoofed"), 4U);
  EXPECT_EQ(network_->tapswitchd().CountInLog("vnet1: spoofing from"), 1U);
  EXPECT_THAT(Tapctl("security show dev vnet1"),
              HasSubstr("allow " + host.mac().ToString() + ",10.83.0.1"));
  Tapctl("security disallow all dev vnet1");
  EXPECT_TRUE(Passes(1, Station(1)));
}

TEST_P(GuardsTest, AStrangerOnALockedPortWaitsForPermission) {
  Tapctl("link set dev vnet1 locked on mab on");
  const json mac{{"mac", Station(1).ToString()}};
  EXPECT_FALSE(Passes(1, Station(1)));
  EXPECT_THAT(Call("fdb.get", mac)[0]["flags"], ElementsAre("locked"));
  EXPECT_THAT(Tapctl("fdb show dev vnet1"),
              HasSubstr(Station(1).ToString() + " locked master br0"));
  EXPECT_THAT(Tapctl("-d link show dev vnet1"), HasSubstr("locked on mab on"));
  Tapctl("fdb replace " + Station(1).ToString() + " dev vnet1 master dynamic");
  EXPECT_THAT(Call("fdb.get", mac)[0]["flags"], IsEmpty());
  EXPECT_TRUE(Passes(1, Station(1)));

  EXPECT_FALSE(Passes(1, Station(2)));
  EXPECT_THAT(Refused("link.set", {{"dev", "vnet1"}, {"locked", false}}), HasSubstr("mab on"));
  EXPECT_THAT(Refused("link.set", {{"dev", "vnet1"}, {"learning", false}}), HasSubstr("mab on"));
  EXPECT_THAT(Refused("link.set", {{"dev", "vnet2"}, {"mab", true}}), HasSubstr("locked"));
  Tapctl("link set dev vnet1 mab off");
  EXPECT_THAT(Refused("fdb.get", {{"mac", Station(2).ToString()}}), HasSubstr("no entry"));
  EXPECT_EQ(Call("fdb.get", mac)[0]["ifname"], "vnet1") << "that one is not locked";
}

TEST_P(GuardsTest, WhatMakesNoSenseIsRefusedAndChangesNothing) {
  const json before = Call("storm.list");
  EXPECT_THAT(Refused("storm.set", {{"dev", "vnet1"}, {"broadcast", "1pps"}, {"burst", "1"}}),
              HasSubstr("'1': expected a number and a unit"));
  EXPECT_THAT(Refused("storm.set", {{"dev", "vnet9"}}), HasSubstr("'vnet9' is no port"));
  EXPECT_THAT(Refused("storm.set", json::object()), HasSubstr("'dev' is missing"));
  EXPECT_EQ(Call("storm.list"), before);
  EXPECT_THAT(Refused("security.allow", {{"dev", "vnet1"}, {"station", "10.0.0.1"}}),
              HasSubstr("'10.0.0.1'"));
  EXPECT_THAT(Refused("security.disallow", {{"dev", "vnet1"}, {"station", "02:00:00:00:00:01"}}),
              HasSubstr("not on the list"));
  EXPECT_THAT(Refused("security.disallow", {{"dev", "vnet1"}, {"station", "x"}}),
              HasSubstr("'x': expected a MAC address, or all"));
}

}  // namespace
}  // namespace tapswitch::guards_test
