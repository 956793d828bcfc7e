// Hosts reach each other through the switch as on any Ethernet.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"

namespace tapswitch::reachability_test {
namespace {

using testing::HasSubstr;

class ReachabilityTest : public SwitchTest {};
INSTANTIATE_TEST_SUITE_P(Io, ReachabilityTest, kEachIo, IoName);

TEST_P(ReachabilityTest, EveryHostReachesEveryOtherByBothVersionsOfIp) {
  TestNetwork network({.io = io(), .ports = std::vector<std::string>(4)});
  for (int from = 1; from <= network.size(); ++from) {
    for (int to = 1; to <= network.size(); ++to) {
      for (const IpVersion version : {IpVersion::kV4, IpVersion::kV6}) {
        // Until one is answered: a host may still be looking for the other's MAC address.
        network.host(from).Run("ping -q -i 0.1 -c 1 -w 20 " + network.host(to).address(version));
      }
    }
  }
}

// The worst round trip in milliseconds, from the last line of ping:
// rtt min/avg/max/mdev = 0.021/0.034/0.119/0.009 ms
double WorstRoundTrip(const std::string& report) {
  std::istringstream figures(report.substr(report.rfind(" = ") + 3));
  double value = 0;
  char slash = 0;
  for (int i = 0; i < 3; ++i) figures >> value >> slash;
  return value;
}

// Multishot reads and polls of TAPs were once seen to forget frames until something else happened
// (axboe/liburing issue 1041).
TEST_P(ReachabilityTest, FramesThatComeOneByOneAreNeverForgotten) {
  TestNetwork network({.io = io(), .ports = std::vector<std::string>(2)});
  const std::string target = network.host(2).address(IpVersion::kV4);
  network.host(1).Run("ping -q -c 1 -w 20 " + target);

  const std::string report = network.host(1).Run("ping -q -c 1000 -i 0.002 -w 60 " + target);

  EXPECT_THAT(report, HasSubstr("1000 packets transmitted, 1000 received"));
  EXPECT_LT(WorstRoundTrip(report), 1000) << report;
}

}  // namespace
}  // namespace tapswitch::reachability_test
