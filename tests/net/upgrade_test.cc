// A new process takes over from the switch (tapctl upgrade): nothing is lost or repeated, and
// nobody notices.

#include "tests/support/upgrade.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/background_traffic.h"
#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/process_usage.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::upgrade_test {
namespace {

using nlohmann::json;
using testing::ContainsRegex;

json Entry(int station) {
  ControlClient client;
  for (const json& entry : client.Call("fdb.list")) {
    if (entry["mac"] != Station(station).ToString()) continue;
    json ageless = entry;
    ageless.erase("used");
    ageless.erase("updated");
    return ageless;
  }
  return {};
}

// The frames that a port has received and sent since the bridge began.
std::map<std::string, uint64_t> Counts() {
  ControlClient client;
  std::map<std::string, uint64_t> counts;
  for (const json& port : client.Call("port.list")) {
    const auto name = port["ifname"].get<std::string>();
    counts[name + " rx"] = port["stats64"]["rx"]["packets"].get<uint64_t>();
    counts[name + " tx"] = port["stats64"]["tx"]["packets"].get<uint64_t>();
    const json drops = port.value("drops", json::object());
    for (const auto& [reason, count] : drops.items()) {
      counts[name + " " + reason] = count.get<uint64_t>();
    }
  }
  return counts;
}

// Watches the interfaces of a namespace from outside.
class LinkWatch {
 public:
  explicit LinkWatch(const TestNetwork& network) : network_(network) {
    network_.sandbox().Run(
        "ip -o monitor link >/run/tapswitch/links 2>&1 & echo $! >/run/tapswitch/watcher");
    EXPECT_TRUE(WaitUntil([&] {
      network_.sandbox().Run("ip link set lo alias now");
      return !Lines().empty();
    }));
    network_.sandbox().Run(": >/run/tapswitch/links");
  }
  ~LinkWatch() { network_.sandbox().Run("kill $(cat /run/tapswitch/watcher)"); }
  LinkWatch(const LinkWatch&) = delete;
  LinkWatch& operator=(const LinkWatch&) = delete;

  // What was told of any interface but the one that marks the end.
  [[nodiscard]] std::string Finish() const {
    network_.sandbox().Run("ip link set lo alias end");
    EXPECT_TRUE(WaitUntil([&] { return Lines().find(" lo:") != std::string::npos; }));
    return network_.sandbox().Run("tr -d '\\0' </run/tapswitch/links | grep -v ' lo:' || true");
  }

 private:
  [[nodiscard]] std::string Lines() const {
    return network_.sandbox().Run("cat /run/tapswitch/links");
  }

  const TestNetwork& network_;
};

class UpgradeTest : public SwitchTest {
 protected:
  // TAPs and ends of veth pairs, whose hosts say nothing unasked.
  static TestNetwork::Options Mixed(const std::vector<std::string>& flags = {}) {
    return {.io = io(),
            .ports = {"", "netdev", "netdev", "veth", "", ""},
            .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces,
            .flags = flags};
  }

  // Streams at full rate from TAP to netdev, between netdev ports, and between TAPs, while the
  // process is replaced again and again.
  static void ExpectNoLossDuring(TestNetwork& network, int upgrades) {
    std::deque<SteadyStream> streams;
    ControlClient client;
    for (const int first : {1, 3, 5}) {
      // Nothing is flooded, as each receiver takes the frames of its own stream only.
      client.Call("fdb.add", {{"mac", Station(first + 1).ToString()},
                              {"dev", network.host(first + 1).port()},
                              {"state", "static"}});
      streams.emplace_back(network.host(first), network.host(first + 1), SteadyStream::kFullRate,
                           first);
    }
    for (const SteadyStream& stream : streams) ASSERT_TRUE(stream.DeliversMore(1000));
    for (int i = 0; i < upgrades; ++i) {
      SCOPED_TRACE("upgrade " + std::to_string(i));
      const auto before = Counts();
      Upgrade(network.tapswitchd());
      if (HasFatalFailure()) return;
      for (const auto& [name, count] : Counts()) {
        const auto found = before.find(name);
        EXPECT_GE(count, found == before.end() ? 0 : found->second) << name;
      }
      for (const SteadyStream& stream : streams) {
        ASSERT_TRUE(stream.DeliversMore(SteadyStream::kFullRate));
      }
    }
    for (SteadyStream& stream : streams) EXPECT_EQ(stream.Finish().fault, "");
  }
};
INSTANTIATE_TEST_SUITE_P(Io, UpgradeTest, kEachIo, IoName);

TEST_P(UpgradeTest, NoFrameIsLostOrRepeatedAndNoLinkChanges) {
  TestNetwork network(Mixed());
  const LinkWatch links(network);
  const std::string before =
      network.sandbox().Run("ip -o link | sed 's/alias.*//' | grep -v ' lo:'");
  ExpectNoLossDuring(network, 8);
  EXPECT_EQ(links.Finish(), "");
  EXPECT_EQ(network.sandbox().Run("ip -o link | sed 's/alias.*//' | grep -v ' lo:'"), before);
}

TEST_P(UpgradeTest, AlsoWithSeveralWorkers) {
  TestNetwork network(Mixed({"--workers=2"}));
  ExpectNoLossDuring(network, 4);
}

TEST_P(UpgradeTest, AlsoWhereTheKernelCarriesNothing) {
  TestNetwork network(Mixed({"--kernel_forwarding=off"}));
  ExpectNoLossDuring(network, 4);
}

TEST_P(UpgradeTest, AlsoWithPrivilegesGivenUp) {
  TestNetwork network(Mixed({"--user=nobody"}));
  const int niceness = NicenessOfThreads(network.tapswitchd().pid()).at("main");
  const std::string limits =
      network.sandbox().Run("cat /proc/" + std::to_string(network.tapswitchd().pid()) + "/limits");
  if (network.host(1).TryRun("bash -c 'ulimit -r 1'").status == 0) {
    EXPECT_THAT(limits, ContainsRegex("Max realtime priority +1 "))
        << "so that the switch-over is short also then";
  }
  ExpectNoLossDuring(network, 3);
  EXPECT_EQ(NicenessOfThreads(network.tapswitchd().pid()).at("main"), niceness);
}

TEST_P(UpgradeTest, FiftyLeakNeitherFilesNorMemory) {
  TestNetwork network(Mixed());
  const SwitchProcess& process = network.tapswitchd();
  // It serves clients once the process before has ended.
  const auto count = [] { return ControlClient().Call("bridge.list")[0]["handover"]["count"]; };
  Upgrade(network.tapswitchd());
  EXPECT_EQ(count(), 1);
  const size_t files = OpenFiles(process.pid());
  const size_t memory = ResidentKilobytes(process.pid());
  for (int i = 0; i < 50; ++i) Upgrade(network.tapswitchd());
  EXPECT_EQ(count(), 51);
  // One for each would be fifty. That of the client goes a moment later, and some are opened when
  // they are needed first.
  EXPECT_TRUE(WaitUntil([&] { return OpenFiles(process.pid()) <= files + 2; }))
      << OpenFiles(process.pid()) << " files, and before " << files;
  EXPECT_LT(ResidentKilobytes(process.pid()), memory + memory / 2 + kHeldBackKilobytes);
}

TEST_P(UpgradeTest, AddressesAndConfigurationAreKept) {
  TestNetwork network(SilentHosts(io(), 3, {"--vlan_filtering"}));
  ControlClient first;
  first.Call("fdb.add", {{"mac", Station(7).ToString()},
                         {"dev", "vnet2"},
                         {"vlan", 1},
                         {"state", "static"},
                         {"sticky", true}});
  first.Call("link.set", {{"dev", "vnet3"}, {"isolated", true}, {"mcast_flood", false}});
  first.Call("vlan.add", {{"dev", "vnet3"}, {"vid", "10-20"}});
  first.Call("mirror.add", {{"name", "m"}, {"dev", json::array({"vnet1"})}, {"to", "vnet3"}});
  network.host(1).OpenPacketSocket(0).Send(TestFrame(kBroadcastAddress, Station(8), "here"));
  ASSERT_TRUE(WaitUntil([] { return !Entry(8).is_null(); }));
  const json config = first.Call("config.save");
  const json address = first.Call("bridge.list")[0]["address"];
  const json learned = Entry(8);

  Upgrade(network.tapswitchd());

  ControlClient second;
  EXPECT_EQ(second.Call("config.save"), config);
  EXPECT_EQ(second.Call("bridge.list")[0]["address"], address);
  EXPECT_EQ(Entry(8), learned);
}

TEST_P(UpgradeTest, AttachedPortsStillGoWithTheirInterfaces) {
  TestNetwork network(SilentHosts(io(), 1, {"--attach=veth*"}));
  network.sandbox().Run(
      "for i in 1 2; do ip link add veth$i up type veth peer name far$i; ip link set far$i up; "
      "done");
  const auto ports = [] {
    ControlClient client;
    std::set<std::string> names;
    for (const json& port : client.Call("port.list")) names.insert(port["ifname"]);
    return names;
  };
  ASSERT_TRUE(WaitUntil([&] { return ports().size() == 3; }));
  ControlClient().Call("port.del", {{"name", "veth2"}});
  ControlClient().Call("link.set", {{"dev", "veth1"}, {"isolated", true}});

  Upgrade(network.tapswitchd());

  EXPECT_EQ(ports(), (std::set<std::string>{"vnet1", "veth1"})) << "veth2 was removed by hand";
  EXPECT_EQ(ControlClient().Call("link.list", {{"dev", "veth1"}})[0]["isolated"], true);
  network.sandbox().Run("ip link del veth1");
  EXPECT_TRUE(WaitUntil([&] { return ports().size() == 1; }));
}

TEST_P(UpgradeTest, AClientThatCallsInThatMomentIsServedByTheNewProcess) {
  TestNetwork network(SilentHosts(io(), 2));
  ControlClient upgrading;
  upgrading.Send(R"({"jsonrpc":"2.0","id":1,"method":"bridge.upgrade","params":{}})"
                 "\n");
  const json answer = upgrading.ReadLine();
  ASSERT_TRUE(answer.contains("result")) << answer;
  ControlClient late;
  EXPECT_EQ(late.Call("bridge.list")[0]["pid"], answer["result"]["pid"]);
  EXPECT_TRUE(network.tapswitchd().FollowSuccessor(answer["result"]["pid"].get<pid_t>()));
}

TEST_P(UpgradeTest, WhoWatchesIsTold) {
  TestNetwork network(SilentHosts(io(), 2));
  ControlClient watching;
  watching.Call("monitor.start", {{"objects", json::array({"fdb"})}});
  Upgrade(network.tapswitchd());
  EXPECT_EQ(watching.ReadLine()["params"]["event"], "handed_over");
}

TEST_P(UpgradeTest, NoScrapeFails) {
  TestNetwork network(SilentHosts(io(), 2, {"--metrics_listen=127.0.0.1:9100"}));
  std::atomic<bool> done = false;
  std::atomic<int> answered = 0;
  std::atomic<int> failed = 0;
  std::thread scraping([&] {
    while (!done) {
      const bool is_answered =
          network.sandbox()
              .TryRun(
                  "curl --silent --fail --max-time 10 http://127.0.0.1:9100/metrics | "
                  "grep --quiet tapswitch_up")
              .status == 0;
      ++(is_answered ? answered : failed);
    }
  });
  for (int i = 0; i < 5; ++i) {
    Upgrade(network.tapswitchd());
    const int before = answered;
    EXPECT_TRUE(WaitUntil([&] { return answered > before + 1; }));
  }
  done = true;
  scraping.join();
  EXPECT_EQ(failed, 0);
}

TEST_P(UpgradeTest, TheSwitchEndsAsEver) {
  TestNetwork network(SilentHosts(io(), 2));
  Upgrade(network.tapswitchd());
  network.tapswitchd().Stop();
  EXPECT_FALSE(std::filesystem::exists(ControlClient::kDefaultPath));
  EXPECT_NE(network.sandbox().TryRun("ip link show vnet1").status, 0);
}

}  // namespace
}  // namespace tapswitch::upgrade_test
