// Conversations of the host itself, by a TAP in the network namespace of the switch, with a station
// behind a veth port: the kernel carries them, too.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/carried_hosts.h"
#include "tests/support/frame_builder.h"
#include "tests/support/upgrade.h"

namespace tapswitch::kernel_own_tap_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kHost = "10.83.0.100";

bool HasTcx() {
  utsname kernel{};
  int version = 0;
  int patch_level = 0;
  EXPECT_EQ(uname(&kernel), 0);
  EXPECT_EQ(sscanf(kernel.release, "%d.%d", &version, &patch_level), 2);
  return std::pair(version, patch_level) >= std::pair(6, 6);
}

class OwnTapTest : public CarriedHostsTest {
 protected:
  // The host has a TAP host0, with an address.
  void StartWithHost(const std::string& options = "", const std::vector<std::string>& flags = {}) {
    Start(flags, {"veth"});
    if (Kernel().at("kernel_forwarding") == "off") GTEST_SKIP() << Kernel().dump();
    AddHost(options);
    if (!HasTcx()) GTEST_SKIP() << "it takes Linux 6.6";
  }
  void AddHost(const std::string& options) {
    client_->Call("port.add", {{"port", "tap:host0" + options}});
    Run("ip address replace " + std::string(kHost) + "/24 dev host0");
    ASSERT_TRUE(WaitUntil([&] { return Port("host0").at("link") == "up"; }));
    host_mac_ = *MacAddress::Parse(Run("ip -j link show host0 | jq -r .[0].address").substr(0, 17));
  }
  std::string Run(const std::string& command) { return network_->sandbox().Run(command); }
  [[nodiscard]] std::string Ping(const std::string& options) const {
    return "ping -q -W 10 " + options + " " + network_->host(1).address(IpVersion::kV4);
  }

  [[nodiscard]] json Trace(bool from_host) {
    const std::string host = host_mac_.ToString();
    const std::string station = network_->host(1).mac().ToString();
    return client_->Call("trace", {{"in", from_host ? "host0" : "vnet1"},
                                   {"src", from_host ? host : station},
                                   {"dst", from_host ? station : host},
                                   {"type", 0x0800}});
  }
  [[nodiscard]] bool IsCarriedBothWays() {
    return WaitUntil([&] {
      Run(Ping("-c 20 -i 0.002"));
      return Trace(true).at("kernel") == "yes" && Trace(false).at("kernel") == "yes";
    });
  }
  [[nodiscard]] std::string Why() { return Trace(true).dump() + Trace(false).dump(); }

  // At the egress of the TAP.
  [[nodiscard]] static uint32_t CountPrograms() {
    constexpr uint32_t kTcxEgress = 47;
    std::array<uint32_t, 64> ids{};
    bpf_attr attributes{};
    attributes.query.target_fd = if_nametoindex("host0");
    attributes.query.attach_type = kTcxEgress;
    attributes.query.prog_ids = reinterpret_cast<uintptr_t>(ids.data());
    attributes.query.prog_cnt = ids.size();
    const long result = syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof(attributes));
    if (result == 0) return attributes.query.prog_cnt;
    EXPECT_EQ(errno, ENOENT) << "which says that there has been none";
    return 0;
  }

  void ExpectReceivedIsForwardedOrDropped(const std::string& name) {
    const json port = Port(name);
    const json& received = port.at("stats64").at("rx");
    EXPECT_EQ(received.at("packets").get<uint64_t>(),
              port.at("forwarded").get<uint64_t>() + received.at("dropped").get<uint64_t>())
        << port;
  }

  MacAddress host_mac_{};
};
INSTANTIATE_TEST_SUITE_P(Io, OwnTapTest, kEachIo, IoName);

TEST_P(OwnTapTest, TheHostAndAStationReachEachOtherThroughTheKernel) {
  StartWithHost();
  if (IsSkipped()) return;
  ASSERT_TRUE(IsCarriedBothWays()) << Why();
  const uint64_t from_host = CarriedFrom("host0");
  const uint64_t from_station = CarriedFrom("vnet1");
  Run(Ping("-c 50 -i 0.002"));
  EXPECT_EQ(CarriedFrom("host0"), from_host + 50);
  EXPECT_EQ(CarriedFrom("vnet1"), from_station + 50);
  ExpectReceivedIsForwardedOrDropped("host0");
  ExpectReceivedIsForwardedOrDropped("vnet1");
}

TEST_P(OwnTapTest, AlsoWhereItWasThereBeforeTheStationsPort) {
  Start({}, {"netdev"});
  if (Kernel().at("kernel_forwarding") == "off") GTEST_SKIP() << Kernel().dump();
  if (!HasTcx()) GTEST_SKIP() << "it takes Linux 6.6";
  client_->Call("port.del", {{"name", "vnet1"}});
  AddHost("");
  EXPECT_EQ(CountPrograms(), 0U) << "it would carry nothing";
  client_->Call("port.add", {{"port", "netdev:vnet1"}});
  ASSERT_TRUE(WaitUntil([&] { return Port("vnet1").at("link") == "up"; }));
  EXPECT_TRUE(IsCarriedBothWays()) << Why();
  EXPECT_EQ(CountPrograms(), 1U);
}

// They are cut by nobody, and have their checksums.
TEST_P(OwnTapTest, StreamsOfTheHostArriveUnchanged) {
  StartWithHost();
  if (IsSkipped()) return;
  Run("head -c 30000000 /dev/urandom >/run/stream");
  const std::string station = network_->host(1).address(IpVersion::kV4);
  Run("ip netns exec h1 socat -u TCP-LISTEN:7,reuseaddr OPEN:/run/there,creat & "
      "for i in $(seq 100); do ip netns exec h1 ss -ltn | grep -q :7 && break; sleep 0.1; done; "
      "socat -u OPEN:/run/stream TCP:" +
      station + ":7 && wait && cmp /run/stream /run/there");
  Run("socat -u TCP-LISTEN:7,reuseaddr OPEN:/run/back,creat & "
      "for i in $(seq 100); do ss -ltn | grep -q :7 && break; sleep 0.1; done; "
      "ip netns exec h1 socat -u OPEN:/run/stream TCP:" +
      std::string(kHost) + ":7 && wait && cmp /run/stream /run/back");
  EXPECT_GT(CarriedFrom("host0"), 100U) << Why();
  EXPECT_GT(CarriedFrom("vnet1"), 100U) << Why();
}

TEST_P(OwnTapTest, AStoppedSwitchGoesOnWithItAndAKilledOneDoesNot) {
  StartWithHost(",persist");
  if (IsSkipped()) return;
  ASSERT_TRUE(IsCarriedBothWays()) << Why();
  ASSERT_EQ(kill(network_->tapswitchd().pid(), SIGSTOP), 0);
  EXPECT_EQ(network_->sandbox().TryRun(Ping("-c 3 -i 0.01")).status, 0);
  network_->tapswitchd().Kill();
  ASSERT_TRUE(WaitUntil([&] { return !network_->tapswitchd().running(); }));
  EXPECT_TRUE(WaitUntil([&] { return network_->sandbox().TryRun(Ping("-c 1 -w 1")).status != 0; }));
}

// What the TAP had no room for meanwhile was on its way to the switch, and is not any more.
TEST_P(OwnTapTest, WhatTheTapHasLostKeepsNoConversationFromBeginning) {
  StartWithHost();
  if (IsSkipped()) return;
  const PacketSocket host("host0", 0);
  ASSERT_EQ(kill(network_->tapswitchd().pid(), SIGSTOP), 0);
  for (int i = 0; i < 5000; ++i) {
    static_cast<void>(host.TrySend(TestFrame(Station(70), Station(71), "flood")));
  }
  EXPECT_NE(Run("ip -j -s link show host0 | jq .[0].stats64.tx.dropped"), "0\n");
  ASSERT_EQ(kill(network_->tapswitchd().pid(), SIGCONT), 0);
  EXPECT_TRUE(IsCarriedBothWays()) << Why();
}

// It takes them to an interface that is down, or nobody reads.
TEST_P(OwnTapTest, NorDoesWhatWasSentWhileItsLinkWasDown) {
  StartWithHost();
  if (IsSkipped()) return;
  ASSERT_TRUE(IsCarriedBothWays()) << Why();
  Run("ip link set host0 down");
  ASSERT_TRUE(WaitUntil([&] { return Port("host0").at("link") != "up"; }));
  EXPECT_NE(Trace(false).value("kernel", "no"), "yes");
  Run("ip link set host0 up && ip address replace " + std::string(kHost) + "/24 dev host0");
  ASSERT_TRUE(WaitUntil([&] { return Port("host0").at("link") == "up"; }));
  EXPECT_TRUE(IsCarriedBothWays()) << Why();
}

TEST_P(OwnTapTest, TagsAreEditedByTheKernel) {
  StartWithHost();
  if (IsSkipped()) return;
  client_->Call("bridge.set", {{"vlan_filtering", true}});
  client_->Call("vlan.add", {{"dev", "host0"}, {"vid", "10"}, {"pvid", true}, {"untagged", true}});
  client_->Call("vlan.add", {{"dev", "vnet1"}, {"vid", "10"}});
  const PacketSocket host("host0", static_cast<uint16_t>(kTestType));
  const PacketSocket station = network_->host(1).OpenPacketSocket();
  const auto tagged = [](MacAddress to, MacAddress from) {
    return FrameBuilder(to, from)
        .Tag(EtherType::kVlan, 10)
        .Type(kTestType)
        .Text("text")
        .Pad(64)
        .Build();
  };
  const auto exchange = [&] {
    host.Send(TestFrame(Station(1), Station(2), "text"));
    EXPECT_EQ(station.Receive(), tagged(Station(1), Station(2)));
    sockets_[0].Send(tagged(Station(2), Station(1)));
    EXPECT_EQ(host.Receive(), TestFrame(Station(2), Station(1), "text"));
  };
  EXPECT_TRUE(WaitUntil([&] {
    exchange();
    return CarriedFrom("vnet1") > 10 && CarriedFrom("host0") > 10;
  })) << Kernel().dump();
  for (int i = 0; i < 20; ++i) exchange();
}

// The kernel has not taken it out of the bytes on this way.
TEST_P(OwnTapTest, ATagInTheBytesThatTheHostSendsIsRead) {
  StartWithHost();
  if (IsSkipped()) return;
  client_->Call("bridge.set", {{"vlan_filtering", true}});
  client_->Call("vlan.add", {{"dev", "host0"}, {"vid", "10"}});
  const PacketSocket host("host0", 0);
  const PacketSocket station = network_->host(1).OpenPacketSocket();
  const auto untagged = Numbered(network_->host(1).mac(), host_mac_, 1);
  ASSERT_TRUE(IsCarriedBothWays()) << Why();
  host.Send(FrameBuilder(network_->host(1).mac(), host_mac_)
                .Tag(EtherType::kVlan, 10)
                .Type(kTestType)
                .Text("only host0 is in that VLAN")
                .Pad(64)
                .Build());
  host.Send(untagged);
  std::optional<uint32_t> first;
  while (!first) {
    const auto frame = station.Receive();
    ASSERT_FALSE(frame.empty());
    if (LoadBe16(&frame[kTypeOffset]) == 0x88B5) first = NumberOf(frame);
  }
  EXPECT_EQ(first, 1U) << "the tagged one came";
}

TEST_P(OwnTapTest, EachSettingHoldsForTheFirstFrameAfterItsAnswer) {
  StartWithHost();
  if (IsSkipped()) return;
  for (const std::string port : {"host0", "vnet1"}) {
    ASSERT_TRUE(IsCarriedBothWays()) << Why();
    client_->Call("link.set", {{"dev", port}, {"kernel_forwarding", false}});
    const uint64_t from_host = CarriedFrom("host0");
    const uint64_t from_station = CarriedFrom("vnet1");
    Run(Ping("-c 30 -i 0.002"));
    EXPECT_EQ(CarriedFrom("host0"), from_host);
    EXPECT_EQ(CarriedFrom("vnet1"), from_station);
    client_->Call("link.set", {{"dev", port}, {"kernel_forwarding", true}});
  }
}

TEST_P(OwnTapTest, ATapThatTakesNoUnfinishedWorkIsSentToAndNotTakenFrom) {
  StartWithHost(",offload=off");
  if (IsSkipped()) return;
  Run(Ping("-c 30 -i 0.002"));
  EXPECT_EQ(Trace(true).at("kernel"), "no");
  EXPECT_THAT(Trace(true).dump(), HasSubstr("cannot take frames from the ingress port"));
}

TEST_P(OwnTapTest, OneThatLeavesTheNamespaceOfTheSwitchIsTheSwitchsAlone) {
  StartWithHost();
  if (IsSkipped()) return;
  ASSERT_TRUE(IsCarriedBothWays()) << Why();
  Run("ip netns add elsewhere && ip link set host0 netns elsewhere && "
      "ip -n elsewhere address add " +
      std::string(kHost) +
      "/24 dev host0 && "
      "ip -n elsewhere link set host0 up");
  ASSERT_TRUE(WaitUntil([&] { return Port("host0").at("link") == "up"; }));
  const uint64_t carried = CarriedFrom("host0");
  Run("ip netns exec elsewhere " + Ping("-c 30 -i 0.002"));
  EXPECT_EQ(CarriedFrom("host0"), carried);
  Run("ip -n elsewhere link set host0 netns $$ && "
      "ip address add " +
      std::string(kHost) + "/24 dev host0 && ip link set host0 up");
  ASSERT_TRUE(WaitUntil([&] { return Port("host0").at("link") == "up"; }));
  EXPECT_TRUE(IsCarriedBothWays()) << Why();
}

TEST_P(OwnTapTest, AnUpgradeLosesNothingAndGoesOnWithIt) {
  StartWithHost();
  if (IsSkipped()) return;
  ASSERT_TRUE(IsCarriedBothWays()) << Why();
  client_.reset();
  Run(Ping("-c 1000 -i 0.002") + " >/run/pings 2>&1 &");
  for (int i = 0; i < 2; ++i) static_cast<void>(Upgrade(network_->tapswitchd()));
  EXPECT_TRUE(WaitUntil(
      [&] { return Run("cat /run/pings").find("packets transmitted") != std::string::npos; }));
  EXPECT_THAT(Run("cat /run/pings"), HasSubstr("1000 received"));
  client_.emplace();
  EXPECT_TRUE(IsCarriedBothWays()) << Why();
  ExpectReceivedIsForwardedOrDropped("host0");
}

// The old process has not noticed yet what the TAP had no room for.
TEST_P(OwnTapTest, AProcessThatTakesOverKnowsWhatTheTapHasLost) {
  StartWithHost();
  if (IsSkipped()) return;
  ASSERT_TRUE(IsCarriedBothWays()) << Why();
  const PacketSocket host("host0", 0);
  ASSERT_EQ(kill(network_->tapswitchd().pid(), SIGSTOP), 0);
  for (int i = 0; i < 5000; ++i) {
    static_cast<void>(host.TrySend(TestFrame(Station(70), Station(71), "flood")));
  }
  ASSERT_EQ(kill(network_->tapswitchd().pid(), SIGCONT), 0);
  client_.reset();
  static_cast<void>(Upgrade(network_->tapswitchd()));
  client_.emplace();
  EXPECT_TRUE(IsCarriedBothWays()) << Why();
}

TEST_P(OwnTapTest, ASwitchThatTakesThePlaceOfAKilledOneGoesOnWithIt) {
  StartWithHost("", {"--supervise"});
  if (IsSkipped()) return;
  ASSERT_TRUE(IsCarriedBothWays()) << Why();
  const auto before = ServingProcess();
  ASSERT_TRUE(before.has_value());
  client_.reset();
  ASSERT_EQ(kill(*before, SIGKILL), 0);
  ASSERT_TRUE(WaitUntil([&] {
    const auto now = ServingProcess();
    return now && *now != *before;
  }));
  client_.emplace();
  EXPECT_TRUE(IsCarriedBothWays()) << Why();
}

}  // namespace
}  // namespace tapswitch::kernel_own_tap_test
