// A running bridge of the kernel is taken over by the switch, and given back, under traffic.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/numbered_stream.h"
#include "tests/support/switch_process.h"
#include "tests/support/switch_test.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wait_until.h"

namespace tapswitch::adopt_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kRecord = "/run/tapswitch/br0.sock.adopted";

// At the moment of the change a frame or two are lost; the rest is for a machine that is busy with
// other tests.
constexpr std::chrono::milliseconds kLongestGap(500);

// The bridge br0 with ports p1, p2 and p3, whose other ends are eth0 of the namespaces h1, h2, h3.
// The host is 10.83.0.254 on br0; h1 and h2 are 10.83.0.1 and 10.83.0.2.
class AdoptTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    sandbox_.emplace(NetnsSandbox::Ipv6::kOffOnNewInterfaces);
    if (sandbox_->TryRun("ip link add br0 type bridge").status != 0) {
      GTEST_SKIP() << "this kernel has no bridge";
    }
    for (const char* number : {"1", "2", "3"}) AddHost(number);
    Run("ip link set br0 type bridge ageing_time 20000 group_fwd_mask 0x4000 mcast_snooping 1");
    Run("ip link set br0 up; ip address add 10.83.0.254/24 dev br0");
    Run("ip route add default via 10.83.0.2 metric 77");
    Run("bridge mdb add dev br0 port p2 grp 239.1.2.3 permanent");
    Run("bridge link set dev p3 isolated on learning off hairpin on flood off");
    Run("bridge fdb add 02:00:00:00:00:99 dev p2 master static");
    has_vlans_ = sandbox_->TryRun("ip link set br0 type bridge vlan_filtering 1").status == 0;
    if (has_vlans_) {
      Run("bridge vlan add vid 10-20 dev p1; bridge vlan add vid 10 dev br0 self");
      Run("bridge vlan del vid 1 dev p3; bridge vlan add vid 10 pvid untagged dev p3");
    }
    StartSwitch();
  }

  void AddHost(const std::string& number) {
    sandbox_->AddNetns("h" + number);
    Run("ip link add p" + number + " type veth peer name eth0 netns h" + number);
    Run("ip link set p" + number + " master br0 up; ip -n h" + number + " link set eth0 up");
    Run("ip -n h" + number + " address add 10.83.0." + number + "/24 dev eth0");
  }

  void StartSwitch(const std::vector<std::string>& launcher = {}) {
    switch_.emplace(std::vector<std::string>{"--io=" + io()}, launcher);
    ASSERT_TRUE(switch_->WaitUntilReady()) << switch_->log();
  }

  std::string Run(const std::string& command) const { return sandbox_->Run(command); }
  std::string Tapctl(const std::string& words) const {
    return Run(std::string(TAPCTL_PATH) + " -timeout 60 " + words);
  }
  [[nodiscard]] NetnsSandbox::Result TryTapctl(const std::string& words) const {
    return sandbox_->TryRun(std::string(TAPCTL_PATH) + " -timeout 60 " + words);
  }
  [[nodiscard]] static bool IsRecorded() { return std::ifstream(std::string(kRecord)).good(); }

  // All that is to be as before: settings of ports, VLANs, entries that do not age, addresses and
  // routes of the host, settings of the bridge.
  [[nodiscard]] json Dump() const {
    json dump;
    dump["ports"] = json::parse(Run("bridge -d -j link show"));
    dump["vlans"] = json::parse(Run("bridge -j vlan show"));
    dump["addresses"] = json::parse(Run("ip -j address show dev br0"));
    dump["routes"] = json::parse(Run("ip -j route"));
    json entries = json::array();
    for (json& entry : json::parse(Run("bridge -j fdb show br br0"))) {
      if (entry["state"] != "permanent" && entry["state"] != "static") continue;
      entries.push_back(entry.dump());
    }
    std::sort(entries.begin(), entries.end());
    dump["entries"] = entries;
    json info = json::parse(Run("ip -d -j link show br0"))[0]["linkinfo"]["info_data"];
    for (const char* name : {"hello_timer", "tcn_timer", "topology_change_timer", "gc_timer",
                             "fdb_n_learned", "topology_change", "topology_change_detected"}) {
      info.erase(name);
    }
    dump["groups"] = json::parse(Run("bridge -j mdb show dev br0"));
    dump["bridge"] = info;
    return dump;
  }

  // The lines of `ip monitor` about interfaces that lost their link or went down while `work` ran.
  template <typename Work>
  [[nodiscard]] std::vector<std::string> LinkLossesDuring(Work work) const {
    const std::string file = directory_.Path("links");
    const std::string pid = Run("ip -o monitor link >" + file + " 2>&1 & echo $!");
    EXPECT_TRUE(WaitUntil([&] { return Changes("lo", file); }));
    work();
    EXPECT_TRUE(WaitUntil([&] { return Changes("lo", file); }));
    Run("kill " + pid);
    std::vector<std::string> losses;
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
      const bool is_meant =
          line.find(": p") != std::string::npos || line.find(": br0:") != std::string::npos;
      if (is_meant && line.find("UP,LOWER_UP") == std::string::npos) losses.push_back(line);
    }
    return losses;
  }

  // Changes an interface, so that there is something to be announced. Returns whether it was.
  [[nodiscard]] bool Changes(const std::string& name, const std::string& file) const {
    std::ifstream before(file);
    const std::string known{std::istreambuf_iterator<char>(before), {}};
    Run("ip link set " + name + " alias $$");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::ifstream after(file);
    const std::string now{std::istreambuf_iterator<char>(after), {}};
    return now.size() > known.size() && now.find(name + ":", known.size()) != std::string::npos;
  }

  // The queues of a port share frames by their types, among others: some for each, most probably.
  using Streams = std::deque<NumberedStream>;
  static void AddBothWays(Streams& streams) {
    for (uint16_t i = 0; i < 3; ++i) {
      const auto type = static_cast<EtherType>(static_cast<uint16_t>(kTestType) + i);
      streams.emplace_back("h1", "h2", 1, 2, type);
    }
    streams.emplace_back("h2", "h1", 2, 1);
  }

  [[nodiscard]] static testing::AssertionResult Go(const Streams& streams) {
    for (const NumberedStream& stream : streams) {
      const uint32_t before = stream.received();
      if (WaitUntil([&] { return stream.received() > before + 200; })) continue;
      return testing::AssertionFailure() << "no frames arrive any more, after " << before;
    }
    return testing::AssertionSuccess();
  }

  static void ExpectWhole(const NumberedStream::Summary& summary) {
    EXPECT_EQ(summary.repeated, 0U) << "missing: " << summary.missing;
    EXPECT_LT(summary.longest_gap, kLongestGap);
    EXPECT_LT(summary.lost, summary.sent / 2);
    std::cout << summary.lost << " of " << summary.sent << " frames lost, longest gap "
              << summary.longest_gap.count() << " ms\n";
  }

  void ExpectHostReachable() const {
    for (const char* address : {"10.83.0.1", "10.83.0.2"}) {
      const std::string ping = std::string("ping -c 1 -W 1 ") + address;
      EXPECT_TRUE(WaitUntil([&] { return sandbox_->TryRun(ping).status == 0; })) << ping;
    }
    Run("ip netns exec h1 ping -c 1 -W 5 10.83.0.254");
  }

  TemporaryDirectory directory_;
  std::optional<NetnsSandbox> sandbox_;
  bool has_vlans_ = false;
  std::optional<SwitchProcess> switch_;
};
INSTANTIATE_TEST_SUITE_P(Io, AdoptTest, kEachIo, IoName);

TEST_P(AdoptTest, FramesGoOnWhileABridgeIsTakenOverAndGivenBackAsItWas) {
  ExpectHostReachable();
  const json before = Dump();
  Streams streams;
  AddBothWays(streams);
  ASSERT_TRUE(Go(streams));

  EXPECT_THAT(LinkLossesDuring([&] { Tapctl("adopt br0"); }), testing::IsEmpty());
  ASSERT_TRUE(Go(streams));
  EXPECT_THAT(Run("bridge link show"), Not(HasSubstr("p1")));
  EXPECT_TRUE(IsRecorded());
  ExpectHostReachable();
  const json port = json::parse(Tapctl("-j -s port show p1"))[0];
  EXPECT_GT(port["stats64"]["rx"]["packets"].get<uint64_t>(), 0U) << port;

  EXPECT_THAT(LinkLossesDuring([&] { Tapctl("release"); }), testing::IsEmpty());
  ASSERT_TRUE(Go(streams));
  ExpectHostReachable();
  EXPECT_EQ(json::diff(before, Dump()), json::array());
  EXPECT_FALSE(IsRecorded());
  EXPECT_EQ(json::parse(Tapctl("-j port show")), json::array());
  for (NumberedStream& stream : streams) ExpectWhole(stream.Finish());
}

// Its sockets have the filter by which all interfaces changed sides at once.
TEST_P(AdoptTest, WhatComesInByAnAdoptedPortIsTheKernelsOnceThePortIsAddedAgain) {
  Tapctl("adopt br0");
  Streams streams;
  streams.emplace_back("h1", "h2", 1, 2);
  streams.emplace_back("h2", "h1", 2, 1);
  ASSERT_TRUE(Go(streams));
  const auto kernel = [&](const std::string& in, int from, int to) {
    const json trace = json::parse(Tapctl("-j trace in " + in + " src " + Station(from).ToString() +
                                          " dst " + Station(to).ToString() + " type 0x88b5"));
    return (trace.is_array() ? trace[0] : trace).dump();
  };
  if (Tapctl("-j kernel show").find("\"off\"") != std::string::npos) GTEST_SKIP();
  EXPECT_THAT(kernel("p1", 1, 2), HasSubstr("taken over from a bridge of the kernel"));
  EXPECT_THAT(kernel("p1", 1, 2), HasSubstr("\"kernel\":\"no\""));
  Tapctl("port del p1");
  Tapctl("port add netdev:p1");
  EXPECT_TRUE(WaitUntil([&] {
    return kernel("p1", 1, 2).find("\"kernel\":\"yes\"") != std::string::npos;
  })) << kernel("p1", 1, 2);
  ASSERT_TRUE(Go(streams));
  EXPECT_THAT(kernel("p2", 2, 1), HasSubstr("taken over from a bridge of the kernel"));
  for (NumberedStream& stream : streams) EXPECT_EQ(stream.Finish().repeated, 0U);

  Run("ip link del p2");
  Run("ip link add p2 up type veth peer name eth0 netns h2; ip -n h2 link set eth0 up");
  EXPECT_TRUE(WaitUntil(
      [&] { return json::parse(Tapctl("-j port show p2"))[0].value("link", "") == "up"; }));
  Streams again;
  again.emplace_back("h1", "h2", 1, 2);
  again.emplace_back("h2", "h1", 2, 1);
  EXPECT_TRUE(WaitUntil([&] {
    return kernel("p2", 2, 1).find("\"kernel\":\"yes\"") != std::string::npos;
  })) << kernel("p2", 2, 1);
}

TEST_P(AdoptTest, TheSwitchHasTheSettingsOfTheBridge) {
  Tapctl("adopt br0");
  const std::string saved = Tapctl("save");
  EXPECT_THAT(saved, HasSubstr("ageing_time 200s"));
  EXPECT_THAT(saved, HasSubstr("group_fwd_mask 0x4000"));
  EXPECT_THAT(saved, HasSubstr("fdb add 02:00:00:00:00:99 dev p2"));
  const json link = json::parse(Tapctl("-d -j link show dev p3"))[0];
  EXPECT_EQ(link["isolated"], true) << link;
  EXPECT_EQ(link["learning"], false);
  EXPECT_EQ(link["hairpin"], true);
  EXPECT_EQ(link["flood"], false);
  if (!has_vlans_) return;
  EXPECT_EQ(json::parse(Tapctl("-compressvlans -j vlan show dev p1")),
            json::parse(R"([{"ifname": "p1", "vlans": [
      {"vlan": 1, "flags": ["PVID", "Egress Untagged"]}, {"vlan": 10, "vlanEnd": 20}]}])"));
}

// Interfaces would change sides one after the other there.
TEST_P(AdoptTest, WithoutTcxABridgeIsRefusedAndLeftAsItIs) {
  switch_.reset();
  StartSwitch({DENY_TCX_PATH});
  const json before = Dump();
  const NetnsSandbox::Result refused = TryTapctl("adopt br0");
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.output, HasSubstr("Linux 6.6 or later"));
  EXPECT_THAT(Tapctl("adopt br0 --dry-run"), HasSubstr("Linux 6.6 or later"));
  EXPECT_EQ(json::diff(before, Dump()), json::array());
  EXPECT_FALSE(IsRecorded());
}

TEST_P(AdoptTest, ADryRunListsWhatWouldBeDoneAndLostAndChangesNothing) {
  Run("ip link set br0 type bridge mcast_snooping 1; bridge link set dev p2 mcast_to_unicast on");
  const json before = Dump();
  const std::string told = Tapctl("adopt br0 --dry-run");
  EXPECT_THAT(told, HasSubstr("port add netdev:p1"));
  EXPECT_THAT(told, HasSubstr("not kept: multicast snooping"));
  EXPECT_THAT(told, HasSubstr("port add netdev:p2 mcast_to_unicast on"));
  EXPECT_EQ(json::diff(before, Dump()), json::array());
  EXPECT_FALSE(IsRecorded());
  EXPECT_EQ(json::parse(Tapctl("-j port show")), json::array());
}

TEST_P(AdoptTest, WhatCannotBeTakenOverIsRefusedAndStaysAsItIs) {
  const auto expect_refused = [&](const std::string& bridge, const std::string& why) {
    const auto result = TryTapctl("adopt " + bridge);
    EXPECT_NE(result.status, 0) << bridge;
    EXPECT_THAT(result.output, HasSubstr(why));
    EXPECT_FALSE(IsRecorded());
    EXPECT_EQ(json::parse(Tapctl("-j port show")), json::array());
  };
  expect_refused("br7", "there is no interface 'br7'");
  expect_refused("p1", "'p1' is no bridge");
  Run("ip tuntap add br0-tap mode tap");
  expect_refused("br0", "there is an interface 'br0-tap'");
  Run("ip link delete br0-tap; ip link set br0 type bridge stp_state 1");
  expect_refused("br0", "a spanning tree runs on br0");
  EXPECT_THAT(Tapctl("adopt br0 --dry-run"), HasSubstr("in the way: a spanning tree"));
  Run("ip link set br0 type bridge stp_state 0");

  // A port fails to open when the first one has been opened.
  SwitchProcess other({"--name=other", "--io=" + io(), "dummy9"});
  ASSERT_TRUE(other.WaitUntilReady());
  Run("ip link set dummy9 master br0 up");
  const json before = Dump();
  const auto result = TryTapctl("-B br0 adopt br0");
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.output, HasSubstr("dummy9"));
  EXPECT_FALSE(IsRecorded());
  EXPECT_EQ(json::parse(Tapctl("-B br0 -j port show")), json::array());
  EXPECT_THAT(Run("ip -o link"), Not(HasSubstr("br0-tap")));
  EXPECT_EQ(json::diff(before, Dump()), json::array());
  ExpectHostReachable();
}

TEST_P(AdoptTest, ASwitchThatWasKilledDoesNotHaveToBeAsked) {
  const json before = Dump();
  Streams streams;
  streams.emplace_back("h1", "h2", 1, 2);
  ASSERT_TRUE(Go(streams));
  Tapctl("adopt br0");
  ASSERT_TRUE(Go(streams));
  switch_->Kill();
  EXPECT_THAT(Tapctl("release --dry-run"), HasSubstr("p1 becomes a port of br0 again"));
  Tapctl("release");
  ASSERT_TRUE(Go(streams));
  ExpectHostReachable();
  EXPECT_EQ(json::diff(before, Dump()), json::array());
  EXPECT_FALSE(IsRecorded());
  EXPECT_THAT(Run("ip -o link"), Not(HasSubstr("br0-tap")));
  EXPECT_EQ(streams.front().Finish().repeated, 0U);
  EXPECT_NE(TryTapctl("release").status, 0);
}

TEST_P(AdoptTest, AnotherSwitchOfTheSameNameGivesBackWhatTheLastOneTook) {
  const json before = Dump();
  Tapctl("adopt br0");
  Run(std::string(TAPCTL_PATH) + " save >" + directory_.Path("startup"));
  switch_->Stop();
  switch_.emplace(
      std::vector<std::string>{"--io=" + io(), "--startup=" + directory_.Path("startup")});
  ASSERT_TRUE(switch_->WaitUntilReady()) << switch_->log();
  ExpectHostReachable();
  EXPECT_THAT(TryTapctl("adopt br0").output, HasSubstr("taken over already"));
  Tapctl("release");
  ExpectHostReachable();
  EXPECT_EQ(json::diff(before, Dump()), json::array());
}

TEST_P(AdoptTest, AnInterfaceThatJoinsTheBridgeLaterReachesTheOthers) {
  Tapctl("adopt br0");
  AddHost("4");
  const std::string ping = "ip netns exec h4 ping -c 1 -W 1 10.83.0.1";
  EXPECT_TRUE(WaitUntil([&] { return sandbox_->TryRun(ping).status == 0; }));
}

}  // namespace
}  // namespace tapswitch::adopt_test
