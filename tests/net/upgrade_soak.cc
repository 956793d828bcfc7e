// A thousand upgrades in a row, under traffic; not a test of ctest, as it takes minutes.
//
//   upgrade_soak [UPGRADES [OTHER-TAPSWITCHD]]
//
// With another program it goes to that one and back, each counted. It needs root, makes namespaces
// of its own, and says what it has found: gaps, open files, memory.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "tests/support/background_traffic.h"
#include "tests/support/control_client.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/process_usage.h"
#include "tests/support/test_network.h"
#include "tests/support/upgrade.h"
#include "tests/support/wait_until.h"

namespace tapswitch::upgrade_soak {
namespace {

using nlohmann::json;

int upgrades = 1000;
std::string other_program;  // empty: the one that runs

uint64_t CountReceived() {
  ControlClient client;
  uint64_t received = 0;
  for (const json& port : client.Call("port.list")) {
    received += port["stats64"]["rx"]["packets"].get<uint64_t>();
  }
  return received;
}

json ParametersOf(int number) {
  if (other_program.empty()) return json::object();
  return {{"program", number % 2 == 0 ? other_program : TAPSWITCHD_PATH}};
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

TEST(UpgradeSoak, LosesNoFrameAndLeaksNothing) {
  if (const std::string why = NetnsSandbox::WhyUnavailable(); !why.empty()) GTEST_SKIP() << why;
  TestNetwork network({.io = "auto",
                       .ports = {"", "netdev", "netdev", ""},
                       .ipv6 = NetnsSandbox::Ipv6::kOffOnNewInterfaces});
  for (const int receiver : {2, 4}) {
    ControlClient().Call("fdb.add", {{"mac", Station(receiver).ToString()},
                                     {"dev", network.host(receiver).port()},
                                     {"state", "static"}});
  }
  SteadyStream first(network.host(1), network.host(2), SteadyStream::kFullRate, 1);
  SteadyStream second(network.host(3), network.host(4), SteadyStream::kFullRate, 3);
  const SwitchProcess& process = network.tapswitchd();
  Upgrade(network.tapswitchd(), ParametersOf(1));
  const size_t files = OpenFiles(process.pid());
  const size_t memory = ResidentKilobytes(process.pid());
  uint64_t received = 0;
  std::vector<double> gaps;
  for (int i = 0; i < upgrades && !testing::Test::HasFailure(); ++i) {
    gaps.push_back(Upgrade(network.tapswitchd(), ParametersOf(i)).value("gap_ms", 0.0));
    const uint64_t now = CountReceived();
    EXPECT_GE(now, received) << "a counter went back";
    received = now;
    EXPECT_TRUE(first.DeliversMore(100));
    EXPECT_TRUE(second.DeliversMore(100));
  }
  EXPECT_EQ(first.Finish().fault, "");
  EXPECT_EQ(second.Finish().fault, "");
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
  if (argc > 1) tapswitch::upgrade_soak::upgrades = std::max(1, std::atoi(argv[1]));
  if (argc > 2) tapswitch::upgrade_soak::other_program = argv[2];
  return RUN_ALL_TESTS();
}
