// How the switch comes and goes, and what it leaves behind: nothing that it was not asked to.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/background_traffic.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/process_usage.h"
#include "tests/support/switch_process.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"

namespace tapswitch::lifecycle_test {
namespace {

using testing::Contains;
using testing::Gt;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

class LifecycleTest : public SwitchTest {
 protected:
  [[nodiscard]] std::vector<std::string> Arguments(const std::vector<std::string>& ports) const {
    std::vector<std::string> arguments{"--io=" + io()};
    arguments.insert(arguments.end(), ports.begin(), ports.end());
    return arguments;
  }
};
INSTANTIATE_TEST_SUITE_P(Io, LifecycleTest, kEachIo, IoName);

// Names, as in "2: vnet0: <BROADCAST,...".
std::vector<std::string> Interfaces(const NetnsSandbox& sandbox, const std::string& ip = "ip") {
  std::istringstream lines(sandbox.Run(ip + " -oneline link show"));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string number;
    std::string name;
    words >> number >> name;
    names.push_back(name.substr(0, name.find_first_of(":@")));
  }
  return names;
}

TEST_P(LifecycleTest, BothStopSignalsEndItInPeaceAndItsInterfacesWithIt) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const NetnsSandbox sandbox;
    sandbox.AddNetns("h1");
    const auto before = Interfaces(sandbox);
    const auto before_in_h1 = Interfaces(sandbox, "ip -n h1");
    SwitchProcess tapswitchd(Arguments({"vnet0", "vnet1,netns=h1,mtu=9000", "vnet2,up=off"}));
    ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
    EXPECT_THAT(Interfaces(sandbox), Contains("vnet0"));
    EXPECT_THAT(Interfaces(sandbox, "ip -n h1"), Contains("vnet1"));
    EXPECT_THAT(sandbox.Run("ip link show vnet0"), HasSubstr("UP"));
    EXPECT_THAT(sandbox.Run("ip -n h1 link show vnet1"), HasSubstr("mtu 9000"));
    EXPECT_THAT(sandbox.Run("ip link show vnet2"), Not(HasSubstr("UP")));

    tapswitchd.Stop(signal);

    EXPECT_EQ(Interfaces(sandbox), before);
    EXPECT_EQ(Interfaces(sandbox, "ip -n h1"), before_in_h1);
  }
}

TEST_P(LifecycleTest, ItEndsInPeaceUnderLoad) {
  TestNetwork network({.io = io(), .ports = std::vector<std::string>(4)});
  // Not the stations of the stream, which would then be learned behind the wrong ports.
  const FrameFlood unicast(network.host(1), Station(11), Station(12));
  const FrameFlood broadcast(network.host(2), Station(12), kBroadcastAddress);
  SteadyStream stream(network.host(3), network.host(4));
  ASSERT_TRUE(stream.DeliversMore(10));
  ASSERT_EQ(stream.Finish().fault, "");

  network.tapswitchd().Stop();
}

// Where the processors are busy, whatever else the switch does waits rather than frames. But the
// thread of links starts the program that takes over, which inherits its priority.
TEST_P(LifecycleTest, OnlyWorkersAndLinksHaveThePriorityOfTheProcess) {
  TestNetwork network({.io = io(), .ports = std::vector<std::string>(2)});
  const auto niceness = NicenessOfThreads(network.tapswitchd().pid());
  ASSERT_THAT(niceness, Contains(Pair("log", Gt(niceness.at("main")))));
  ASSERT_THAT(niceness, Contains(Pair("links", niceness.at("main"))));
  for (const auto& [name, own] : niceness) {
    const bool is_as_main = name == "main" || name == "links" || name.starts_with("worker-");
    EXPECT_EQ(own == niceness.at("main"), is_as_main) << name;
  }
}

TEST_P(LifecycleTest, APersistentTapStaysAndServesTheNextSwitch) {
  const NetnsSandbox sandbox(NetnsSandbox::Ipv6::kOn);
  const TestHost h1(sandbox, 1);
  const TestHost h2(sandbox, 2);
  const auto ports = Arguments({"vnet1,netns=h1,persist", "vnet2,netns=h2,persist"});
  {
    SwitchProcess first(ports);
    ASSERT_TRUE(first.WaitUntilReady()) << first.log();
    sandbox.Run("ip -n h1 address add 10.83.0.1/24 dev vnet1");
    sandbox.Run("ip -n h2 address add 10.83.0.2/24 dev vnet2");
    h1.Run("ping -q -i 0.1 -c 1 -w 20 10.83.0.2");
  }
  EXPECT_THAT(Interfaces(sandbox, "ip -n h1"), Contains("vnet1"));

  SwitchProcess second(ports);
  ASSERT_TRUE(second.WaitUntilReady()) << second.log();
  h1.Run("ping -q -i 0.1 -c 1 -w 20 10.83.0.2");
  second.Stop();
  EXPECT_THAT(Interfaces(sandbox, "ip -n h2"), Contains("vnet2"));
}

TEST_P(LifecycleTest, ItRunsWithoutPorts) {
  const NetnsSandbox sandbox;
  SwitchProcess tapswitchd(Arguments({}));
  EXPECT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  EXPECT_TRUE(tapswitchd.running());
}

// The kernel releases the files of a process that was killed when it pleases, those in an io_uring
// later than others; until then the names are taken.
TEST_P(LifecycleTest, TheNamesOfASwitchThatWasKilledCanBeUsedAtOnce) {
  const NetnsSandbox sandbox;
  const TestHost h1(sandbox, 1);
  const TestHost h2(sandbox, 2);
  const auto ports = Arguments({"vnet1,netns=h1,up=off", "vnet2,netns=h2,up=off", "vnet3"});
  for (int round = 0; round < 5; ++round) {
    SwitchProcess killed(ports);
    ASSERT_TRUE(killed.WaitUntilReady()) << "round " << round << ": " << killed.log();
    killed.Kill();
  }
  SwitchProcess tapswitchd(ports);
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  h1.Connect("vnet1");
  h2.Connect("vnet2");
  h1.Run("ping -q -i 0.1 -c 1 -w 20 10.83.0.2");
}

}  // namespace
}  // namespace tapswitch::lifecycle_test
