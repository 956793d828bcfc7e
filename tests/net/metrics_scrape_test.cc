// What Prometheus fetches of a switch that is at work.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "switch/forwarding/stats.h"
#include "tests/support/background_traffic.h"
#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/sanitized.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::metrics_scrape_test {
namespace {

using testing::HasSubstr;

constexpr const char* kListen = "--metrics_listen=127.0.0.1:9100";
constexpr const char* kFetch = "curl --silent --show-error --fail http://127.0.0.1:9100/metrics";
constexpr MacAddress kReserved = MacAddress::FromNumber(0x0180C2000003);  // 802.1X: not forwarded

// Series and their values; and those of them that only grow.
struct Scrape {
  std::map<std::string, double> values;
  std::set<std::string> counters;

  [[nodiscard]] double value(const std::string& series) const {
    const auto found = values.find(series);
    if (found != values.end()) return found->second;
    ADD_FAILURE() << "there is no " << series;
    return -1;
  }
};

// https://prometheus.io/docs/instrumenting/exposition_formats/: no label here holds a blank.
Scrape Parse(const std::string& text) {
  Scrape scrape;
  std::istringstream lines(text);
  bool grows = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      grows = line.ends_with(" counter") || line.ends_with(" histogram");
    }
    if (line.empty() || line.starts_with('#')) continue;
    const size_t blank = line.find(' ');
    const std::string series = line.substr(0, blank);
    scrape.values[series] = std::stod(line.substr(blank));
    if (grows) scrape.counters.insert(series);
  }
  return scrape;
}

std::string OfPort(std::string_view metric, const TestHost& host, std::string_view label = "") {
  return "tapswitch_port_" + std::string(metric) + R"({bridge="br0",port=")" + host.port() + "\"" +
         std::string(label) + "}";
}

class MetricsScrapeTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    if (std::system("command -v curl >/dev/null") != 0) {
      GTEST_SKIP() << "curl is missing: tools/install-packages test";
    }
    network_.emplace(SilentHosts(io(), 4, {kListen}));
  }

  [[nodiscard]] const TestHost& host(int number) const { return network_->host(number); }
  [[nodiscard]] Scrape Fetch() const { return Parse(network_->sandbox().Run(kFetch)); }

  std::optional<TestNetwork> network_;
};
INSTANTIATE_TEST_SUITE_P(Io, MetricsScrapeTest, kEachIo, IoName);

void ExpectNothingWentBack(const Scrape& before, const Scrape& now) {
  for (const std::string& series : before.counters) {
    EXPECT_GE(now.value(series), before.value(series)) << series;
  }
}

// Each received frame is forwarded or dropped for one reason, in any scrape: it is of one moment.
void ExpectEveryFrameIsAccountedFor(const Scrape& scrape, const TestHost& host) {
  double ends = scrape.value(OfPort("forwarded_frames_total", host));
  for (const DropReasonInfo& reason : kDropReasons) {
    if (reason.at_egress) continue;
    const std::string label = ",reason=\"" + std::string(reason.name) + "\"";
    ends += scrape.value(OfPort("dropped_frames_total", host, label));
  }
  EXPECT_EQ(scrape.value(OfPort("received_frames_total", host)), ends) << host.port();
}

TEST_P(MetricsScrapeTest, UnderLoadCountersOnlyGrowAndNoFrameIsLost) {
  ControlClient client;
  for (const int number : {2, 4}) {
    client.Call(
        "fdb.add",
        {{"mac", Station(number).ToString()}, {"dev", host(number).port()}, {"state", "static"}});
  }
  const FrameFlood flood(host(3), Station(3), Station(4));
  const FrameFlood dropped(host(4), Station(4), kReserved);
  SteadyStream stream(host(1), host(2), SteadyStream::kFullRate);
  ASSERT_TRUE(stream.DeliversMore(1000));

  const Scrape first = Fetch();
  Scrape last = first;
  for (int round = 0; round < (kIsSanitized ? 20 : 50) && !HasFailure(); ++round) {
    const Scrape now = Fetch();
    ExpectNothingWentBack(last, now);
    for (int number = 1; number <= 4; ++number) ExpectEveryFrameIsAccountedFor(now, host(number));
    last = now;
  }
  ASSERT_TRUE(stream.DeliversMore(SteadyStream::kFullRate));
  EXPECT_EQ(stream.Finish().fault, "");

  for (const std::string& series :
       {OfPort("received_frames_total", host(1)), OfPort("sent_frames_total", host(2)),
        OfPort("received_frames_total", host(3)),
        OfPort("dropped_frames_total", host(4), ",reason=\"reserved_address\""),
        std::string("tapswitch_loop_busy_seconds_total{bridge=\"br0\"}"),
        std::string("tapswitch_loop_batch_frames_count{bridge=\"br0\"}")}) {
    EXPECT_GT(last.value(series), first.value(series)) << series;
  }
}

// Also those that the library serves of itself.
TEST_P(MetricsScrapeTest, PromtoolFindsNothingToSayOfThemAll) {
  if (std::system("command -v promtool >/dev/null") != 0) {
    GTEST_SKIP() << "promtool is missing: tools/install-packages test";
  }
  network_->sandbox().Run(kFetch);  // the library's are complete from the second on
  EXPECT_EQ(network_->sandbox().Run(std::string(kFetch) + " | promtool check metrics"), "");
}

TEST_P(MetricsScrapeTest, AStationThatMovesIsSeen) {
  const auto learning = [](std::string_view result) {
    return ",result=\"" + std::string(result) + "\"";
  };
  const PacketSocket receiver = host(4).OpenPacketSocket(static_cast<uint16_t>(kTestType));
  for (const int number : {1, 2}) {
    host(number).OpenPacketSocket(0).Send(TestFrame(kBroadcastAddress, Station(50), "here I am"));
    // It was learned before it was flooded.
    EXPECT_EQ(receiver.Receive(), TestFrame(kBroadcastAddress, Station(50), "here I am"));
  }
  const Scrape scrape = Fetch();
  EXPECT_EQ(scrape.value(OfPort("learning_frames_total", host(1), learning("learned"))), 1);
  EXPECT_EQ(scrape.value(OfPort("learning_frames_total", host(1), learning("moved"))), 0);
  EXPECT_EQ(scrape.value(OfPort("learning_frames_total", host(2), learning("moved"))), 1);
}

TEST_P(MetricsScrapeTest, APortIsThereWhileItIsThere) {
  const std::string series = R"(tapswitch_port_link_up{bridge="br0",port="extra"})";
  ControlClient client;
  // A scrape may be a tenth of a second old.
  client.Call("port.add", {{"port", "extra"}});
  EXPECT_TRUE(WaitUntil([&] { return Fetch().values.contains(series); }));
  client.Call("port.del", {{"name", "extra"}});
  EXPECT_TRUE(WaitUntil([&] { return !Fetch().values.contains(series); }));
}

}  // namespace
}  // namespace tapswitch::metrics_scrape_test
