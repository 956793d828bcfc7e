// ARP and neighbour discovery among hosts of a running switch, some ports of which suppress
// questions.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/neighbour_frames.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::neigh_suppress_test {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Host 1 asks; 2 and 3 are behind ports that suppress questions; 4 is not.
class NeighSuppressTest : public SwitchTest {
 protected:
  void Start(NetnsSandbox::Ipv6 ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces) {
    network_.emplace(TestNetwork::Options{.io = io(), .ports = {"", "", "", ""}, .ipv6 = ipv6});
    client_.emplace();
    for (const char* port : {"vnet2", "vnet3"}) {
      client_->Call("link.set", {{"dev", port}, {"neigh_suppress", true}});
    }
  }

  uint64_t Counter(const char* name) {
    return client_->Call("bridge.list").at(0)["counters"][name];
  }

  // The neighbour whose address is `address`; null when it is not known.
  json Find(const std::string& address) {
    for (json& entry : client_->Call("neigh.list")) {
      if (entry["dst"] == address) return entry;
    }
    return nullptr;
  }

  // Frames that are received equal those handed on and those dropped, at each port.
  void ExpectBalance() {
    for (const json& port : client_->Call("port.list")) {
      EXPECT_EQ(
          port["stats64"]["rx"]["packets"].get<uint64_t>(),
          port["forwarded"].get<uint64_t>() + port["stats64"]["rx"]["dropped"].get<uint64_t>())
          << port.dump();
    }
  }

  // Has host 1 forget what it knows, and reach host 2 again.
  void PingAgain(IpVersion version) {
    const std::string flag = version == IpVersion::kV4 ? "-4" : "-6";
    network_->host(1).Run("ip " + flag + " neigh flush all");
    network_->host(1).Run("ping " + flag + " -c 1 -W 10 " + network_->host(2).address(version));
  }

  std::optional<TestNetwork> network_;
  std::optional<ControlClient> client_;
};
INSTANTIATE_TEST_SUITE_P(Io, NeighSuppressTest, kEachIo, IoName);

constexpr uint16_t kArp = ETH_P_ARP;

// Stations that no host's stack answers for.
constexpr uint32_t Ip4(int number) { return 0x0A5300C0 + static_cast<uint32_t>(number); }

TEST_P(NeighSuppressTest, TheSwitchAnswersAndPortsThatSuppressDoNotSeeTheQuestion) {
  Start();
  FrameExchange exchange(*network_);
  exchange.Send(2, ArpFrame{.source = Station(2), .sender = Ip4(2), .target = Ip4(2)}.Build());
  auto announced = exchange.Collect();
  for (const int other : {1, 3, 4}) EXPECT_EQ(announced.at(other).size(), 1U) << other;

  const PacketSocket asker = network_->host(1).OpenPacketSocket(kArp);
  const auto question = ArpFrame{.source = Station(1), .sender = Ip4(1), .target = Ip4(2)}.Build();
  exchange.Send(1, question);
  auto received = exchange.Collect();
  const ArpFrame answer{.destination = Station(1),
                        .source = Station(2),
                        .operation = 2,
                        .sender = Ip4(2),
                        .target_mac = Station(1),
                        .target = Ip4(1)};
  EXPECT_EQ(asker.Receive(), answer.Build());
  EXPECT_THAT(received.at(2), IsEmpty());
  EXPECT_THAT(received.at(3), IsEmpty());
  EXPECT_THAT(received.at(4), ElementsAre(question));
  EXPECT_EQ(Counter("neigh_answered"), 1U);
  EXPECT_EQ(Counter("neigh_suppressed"), 1U);
  ExpectBalance();
}

TEST_P(NeighSuppressTest, AQuestionThatNobodyIsLeftForIsCountedAsAnswered) {
  Start();
  client_->Call("link.set", {{"dev", "vnet4"}, {"neigh_suppress", true}});
  FrameExchange exchange(*network_);
  exchange.Send(2, ArpFrame{.source = Station(2), .sender = Ip4(2), .target = Ip4(2)}.Build());
  static_cast<void>(exchange.Collect());
  const PacketSocket asker = network_->host(1).OpenPacketSocket(kArp);
  exchange.Send(1, ArpFrame{.source = Station(1), .sender = Ip4(1), .target = Ip4(2)}.Build());
  auto received = exchange.Collect();
  EXPECT_FALSE(asker.Receive().empty());
  for (const int other : {2, 3, 4}) EXPECT_THAT(received.at(other), IsEmpty()) << other;
  EXPECT_EQ(client_->Call("port.list", {{"name", "vnet1"}}).at(0)["drops"]["neighbour_answered"],
            1);
  ExpectBalance();
}

TEST_P(NeighSuppressTest, HostsTakeTheAnswersForArp) {
  Start();
  network_->host(2).Run("ping -c 1 -W 10 " + network_->host(1).address(IpVersion::kV4));
  ASSERT_FALSE(Find("10.83.0.2").is_null());
  const uint64_t before = Counter("neigh_answered");
  PingAgain(IpVersion::kV4);
  EXPECT_EQ(Counter("neigh_answered"), before + 1);
}

TEST_P(NeighSuppressTest, HostsTakeTheAnswersForNeighbourDiscovery) {
  Start(NetnsSandbox::Ipv6::kOn);
  PingAgain(IpVersion::kV6);  // the first question is asked, and its answer heard
  ASSERT_FALSE(Find("fd83::2").is_null());
  const uint64_t before = Counter("neigh_answered");
  PingAgain(IpVersion::kV6);
  EXPECT_GT(Counter("neigh_answered"), before);
  EXPECT_THAT(network_->host(1).Run("ip -6 neigh show fd83::2"),
              HasSubstr(network_->host(2).mac().ToString()));
}

TEST_P(NeighSuppressTest, NeighboursAreShownAndFlushed) {
  Start();
  FrameExchange exchange(*network_);
  exchange.Send(2, ArpFrame{.source = Station(2), .sender = Ip4(2), .target = Ip4(2)}.Build());
  exchange.Send(4, ArpFrame{.source = Station(4), .sender = Ip4(4), .target = Ip4(4)}.Build());
  static_cast<void>(exchange.Collect());
  json entry = Find("10.83.0.194");
  EXPECT_EQ(entry["dev"], "vnet2");
  EXPECT_EQ(entry["lladdr"], Station(2).ToString());
  EXPECT_EQ(entry["state"], json({"REACHABLE"}));
  EXPECT_FALSE(entry.contains("vlan"));
  EXPECT_THAT(network_->sandbox().Run(TAPCTL_PATH " neigh show"),
              HasSubstr("10.83.0.194 dev vnet2 lladdr 02:aa:00:00:00:02 REACHABLE\n"));

  exchange.Send(4, ArpFrame{.source = Station(5), .sender = Ip4(2), .target = Ip4(2)}.Build());
  static_cast<void>(exchange.Collect());
  EXPECT_EQ(Find("10.83.0.194")["state"], json({"CONTESTED"}));
  EXPECT_EQ(Counter("neigh_contested"), 1U);

  EXPECT_EQ(client_->Call("neigh.list", {{"dev", "vnet4"}}).size(), 2U);
  EXPECT_EQ(client_->Call("neigh.flush", {{"dev", "vnet4"}})["flushed"], 2);
  EXPECT_EQ(client_->Call("neigh.list"), json::array());
  EXPECT_THAT(client_->Refused("neigh.list", {{"dev", "vnet9"}}), HasSubstr("vnet9"));
}

TEST_P(NeighSuppressTest, TheFlagIsShownAndSavedAndWithoutItNothingIsKept) {
  Start();
  FrameExchange exchange(*network_);
  exchange.Send(2, ArpFrame{.source = Station(2), .sender = Ip4(2), .target = Ip4(2)}.Build());
  static_cast<void>(exchange.Collect());
  EXPECT_EQ(client_->Call("link.list", {{"dev", "vnet2"}}).at(0)["neigh_suppress"], true);
  EXPECT_THAT(client_->Call("config.save"), Contains(HasSubstr("neigh_suppress on")));
  for (const char* port : {"vnet2", "vnet3"}) {
    client_->Call("link.set", {{"dev", port}, {"neigh_suppress", false}});
  }
  EXPECT_TRUE(WaitUntil([&] { return client_->Call("neigh.list").empty(); }));
  exchange.Send(1, ArpFrame{.source = Station(1), .sender = Ip4(1), .target = Ip4(2)}.Build());
  auto received = exchange.Collect();
  EXPECT_THAT(received.at(1), IsEmpty());
  for (const int other : {2, 3, 4}) EXPECT_EQ(received.at(other).size(), 1U) << other;
}

TEST_P(NeighSuppressTest, WhoWatchesIsToldOfNeighboursAsTheyComeAndGo) {
  Start();
  ControlClient monitor;
  monitor.Call("monitor.start", {{"objects", {"neigh"}}});
  const auto next = [&] {
    const json event = monitor.ReadLine()["params"];
    return event["event"].get<std::string>() + " " + event["dst"].get<std::string>() + " " +
           event["lladdr"].get<std::string>() + " " + event["state"][0].get<std::string>();
  };
  FrameExchange exchange(*network_);
  exchange.Send(2, ArpFrame{.source = Station(2), .sender = Ip4(2), .target = Ip4(2)}.Build());
  const std::string station2 = " 10.83.0.194 " + Station(2).ToString();
  EXPECT_EQ(next(), "added" + station2 + " REACHABLE");
  client_->Call("fdb.flush", {{"dev", "vnet2"}});
  EXPECT_EQ(next(), "changed" + station2 + " STALE");
  client_->Call("neigh.replace", {{"dst", "10.83.0.194"}, {"lladdr", Station(2).ToString()}});
  EXPECT_EQ(next(), "changed" + station2 + " PERMANENT");
  client_->Call("neigh.flush");
  EXPECT_EQ(next(), "deleted" + station2 + " PERMANENT");
}

TEST_P(NeighSuppressTest, NeighboursThatWereSetOutliveAnUpgradeAndOthersAreNotSaved) {
  Start();
  client_->Call("neigh.replace", {{"dst", "10.83.0.99"}, {"lladdr", Station(9).ToString()}});
  FrameExchange exchange(*network_);
  exchange.Send(2, ArpFrame{.source = Station(2), .sender = Ip4(2), .target = Ip4(2)}.Build());
  static_cast<void>(exchange.Collect());
  const std::string line = "neigh replace 10.83.0.99 lladdr " + Station(9).ToString();
  EXPECT_THAT(client_->Call("config.save"),
              testing::AllOf(Contains(line), testing::Not(Contains(HasSubstr("10.83.0.194")))));
  const json answer = client_->Call("bridge.upgrade");
  ASSERT_TRUE(network_->tapswitchd().FollowSuccessor(answer.at("pid").get<pid_t>())) << answer;
  client_.emplace();
  EXPECT_EQ(Find("10.83.0.99")["state"], json({"PERMANENT"}));
  EXPECT_EQ(Find("10.83.0.194")["state"], json({"REACHABLE"}));
  EXPECT_THAT(client_->Call("config.save"), Contains(line));
}

}  // namespace
}  // namespace tapswitch::neigh_suppress_test
