// A thousand upgrades in a row, under traffic; not a test of ctest, as it takes minutes. It needs
// root, makes namespaces of its own, and says what it has found: gaps, open files, memory.
// `upgrade_soak --help` lists what may be set.

#include <gflags/gflags.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/background_traffic.h"
#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/process_usage.h"
#include "tests/support/test_network.h"
#include "tests/support/upgrade.h"
#include "tests/support/wait_until.h"

DEFINE_uint32(upgrades, 1000, "how many in a row");
DEFINE_uint32(ports, 4, "TAPs and netdev ports, in pairs: a multiple of 4");
DEFINE_uint32(load, 100, "of the rate that goes without a loss, in percent");
DEFINE_string(other, "", "another tapswitchd, to go to and back; none: the one that runs");

namespace tapswitch::upgrade_soak {
namespace {

using nlohmann::json;
using std::chrono::microseconds;

uint64_t CountReceived() {
  ControlClient client;
  uint64_t received = 0;
  for (const json& port : client.Call("port.list")) {
    received += port["stats64"]["rx"]["packets"].get<uint64_t>();
  }
  return received;
}

json ParametersOf(uint32_t number) {
  if (FLAGS_other.empty()) return json::object();
  return {{"program", number % 2 == 0 ? FLAGS_other : TAPSWITCHD_PATH}};
}

// TAP to netdev, netdev to TAP, and so on.
std::vector<std::string> Ports() {
  std::vector<std::string> ports;
  while (ports.size() < FLAGS_ports) ports.insert(ports.end(), {"", "netdev", "netdev", ""});
  return ports;
}

void Report(std::vector<double> gaps) {
  std::sort(gaps.begin(), gaps.end());
  const auto at = [&](double share) {
    return gaps[std::min(gaps.size() - 1,
                         static_cast<size_t>(share * static_cast<double>(gaps.size())))];
  };
  std::cout << gaps.size() << " upgrades; nobody forwarded for: median " << at(0.5) << " ms, 99 % "
            << at(0.99) << " ms, longest " << gaps.back() << " ms\n";
}

// A stream from each host with an odd number to the next one.
class Streams {
 public:
  explicit Streams(const TestNetwork& network, int window, microseconds period = {}) {
    for (int from = 1; from < network.size(); from += 2) {
      streams_.emplace_back(network.host(from), network.host(from + 1), window, from, period);
    }
  }

  [[nodiscard]] size_t size() const { return streams_.size(); }

  [[nodiscard]] double MeasureRate() const {
    constexpr std::chrono::seconds kTime(2);
    const uint64_t before = Delivered();
    std::this_thread::sleep_for(kTime);
    return static_cast<double>(Delivered() - before) / kTime.count();
  }

  void ExpectToGoOn() const {
    constexpr uint64_t kFrames = 100;
    for (const SteadyStream& stream : streams_) EXPECT_TRUE(stream.DeliversMore(kFrames));
  }

  void Finish() {
    for (SteadyStream& stream : streams_) EXPECT_EQ(stream.Finish().fault, "");
  }

 private:
  [[nodiscard]] uint64_t Delivered() const {
    uint64_t sum = 0;
    for (const SteadyStream& stream : streams_) sum += stream.delivered();
    return sum;
  }

  std::deque<SteadyStream> streams_;
};

// Returns the time from window to window that loads the switch as it is asked for.
microseconds PeriodOf(const TestNetwork& network, int window) {
  if (FLAGS_load >= 100) return {};
  Streams streams(network, window);
  const double rate = streams.MeasureRate() * FLAGS_load / 100;
  streams.Finish();
  return microseconds(
      static_cast<int64_t>(1e6 * window * static_cast<double>(streams.size()) / rate));
}

TEST(UpgradeSoak, LosesNoFrameAndLeaksNothing) {
  if (const std::string why = NetnsSandbox::WhyUnavailable(); !why.empty()) GTEST_SKIP() << why;
  TestNetwork network(
      {.io = "auto", .ports = Ports(), .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces});
  for (int receiver = 2; receiver <= network.size(); receiver += 2) {
    ControlClient().Call("fdb.add", {{"mac", Station(receiver).ToString()},
                                     {"dev", network.host(receiver).port()},
                                     {"state", "static"}});
  }
  const int window = FLAGS_load >= 100 ? SteadyStream::kFullRate : 16;
  Streams streams(network, window, PeriodOf(network, window));
  std::cout << network.size() << " ports, " << streams.MeasureRate() << " frames a second\n";
  const SwitchProcess& process = network.tapswitchd();
  Upgrade(network.tapswitchd(), ParametersOf(1));
  const size_t files = OpenFiles(process.pid());
  const size_t memory = ResidentKilobytes(process.pid());
  uint64_t received = 0;
  std::vector<double> gaps;
  for (uint32_t i = 0; i < FLAGS_upgrades && !testing::Test::HasFailure(); ++i) {
    gaps.push_back(Upgrade(network.tapswitchd(), ParametersOf(i)).value("gap_ms", 0.0));
    const uint64_t now = CountReceived();
    EXPECT_GE(now, received) << "a counter went back";
    received = now;
    streams.ExpectToGoOn();
  }
  streams.Finish();
  if (gaps.empty()) return;
  Report(gaps);
  // A worker that has come to help has some of its own; one for each upgrade would be as many.
  EXPECT_TRUE(WaitUntil([&] { return OpenFiles(process.pid()) <= files + 16; }));
  std::cout << "open files: " << files << " after the first, " << OpenFiles(process.pid())
            << " after the last; resident memory: " << memory << " and "
            << ResidentKilobytes(process.pid()) << " KiB\n";
}

}  // namespace
}  // namespace tapswitch::upgrade_soak

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  gflags::SetUsageMessage("a switch is upgraded over and over, under traffic");
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  if (FLAGS_ports == 0 || FLAGS_ports % 4 != 0 || FLAGS_load == 0) {
    std::cerr << "upgrade_soak: --ports is a multiple of 4, --load more than 0\n";
    return 2;
  }
  return RUN_ALL_TESTS();
}
