// A switch with a VNI that is killed, and one that is started in its place (--supervise).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

#include "tests/support/evpn_machines.h"

namespace tapswitch::evpn_supervised_test {
namespace {

using std::chrono::steady_clock;
using testing::HasSubstr;
using testing::Not;

// All that was learned is written within a second.
void WaitForText() { std::this_thread::sleep_for(std::chrono::milliseconds(1500)); }

// Each supervisor runs a program of its own, in whose place the test may put another one.
class EvpnSupervisedTest : public EvpnFrrTest {
 protected:
  void SetUp() override {
    flags_ = {"--supervise"};
    launcher_ = {"sh", "-c",
                 R"(cp "$0" /run/tapswitch/program-$$ && )"
                 R"(exec /run/tapswitch/program-$$ "$@")"};
    EvpnFrrTest::SetUp();
  }
  [[nodiscard]] std::string ProgramOf(char machine) const {
    return "/run/tapswitch/program-" + std::to_string(switches_.at(machine)->pid());
  }
};

TEST_F(EvpnSupervisedTest, RoutesStayAndAllIsInStepAgain) {
  ExpectKnown();
  WaitForText();
  const std::string log = directory_.Path("monitor");
  const std::string monitor = Run("bridge -n b monitor fdb >" + log + " 2>&1 & echo $!");
  for (int i = 0; i < 2; ++i) {
    const pid_t before = ProcessOf('a');
    ASSERT_GT(before, 0);
    ASSERT_EQ(kill(before, SIGKILL), 0);
    ASSERT_TRUE(WaitUntil([&] {
      const pid_t now = ProcessOf('a');
      return now > 0 && now != before;
    }));
    EXPECT_TRUE(WaitUntil([&] { return Vni('a').at("macs_local") == 2; })) << Vni('a');
    ExpectAllPairs({"a1", "b1", "c1"});
    WaitForText();
  }
  Run("kill " + monitor);
  std::ifstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const bool is_withdrawn =
        line.find("eleted") != std::string::npos && line.find(MacOf("a1")) != std::string::npos;
    EXPECT_FALSE(is_withdrawn) << line;
  }
  // A station that is new, one that goes, and the end.
  Tapctl('a', "fdb flush dev va2");
  EXPECT_TRUE(WaitUntil([&] { return EntryAt('b', MacOf("a2")).empty(); }));
  ExpectKnown();
  switches_['a']->Stop();
  for (const char* name : {"vxlan100", "evbr100", "evsh100"}) EXPECT_FALSE(HasLink('a', name));
  EXPECT_TRUE(WaitUntil([&] { return EntryAt('b', MacOf("a1")).empty(); }));
}

TEST_F(EvpnSupervisedTest, RoutesAreWithdrawnWhenNoneTakesOver) {
  ExpectKnown();
  const std::string program = ProgramOf('a');
  Run("cp " + program + " " + program + "-kept; printf '#!/bin/sh\\nexec sleep 1000\\n' >" +
      program + "-hanging; chmod +x " + program + "-hanging; mv " + program + "-hanging " +
      program);
  WaitForText();
  const auto start = steady_clock::now();
  ASSERT_EQ(kill(ProcessOf('a'), SIGKILL), 0);
  ExpectWithdrawn(start);
  EXPECT_FALSE(HasLink('a', "evsh100"));
  // The next one that can begin is in step.
  Run("mv " + program + "-kept " + program + "; kill -9 $(pgrep -P " +
      std::to_string(switches_['a']->pid()) + ")");
  ASSERT_TRUE(WaitUntil([&] { return ProcessOf('a') > 0; }));
  ExpectKnown();
  ExpectAllPairs({"a1", "b1", "c1"});
}

TEST_F(EvpnSupervisedTest, AVniThatWasDeletedLeavesNothingWithTheSupervisor) {
  Tapctl('a', "evpn del vni 100");
  EXPECT_FALSE(HasLink('a', "evsh100"));
  EXPECT_TRUE(WaitUntil([&] { return Vni('b').at("vteps") == json::array({Ip('c')}); }));
  AddVni('a');
  ASSERT_TRUE(WaitUntil([&] { return IsComplete(); }));
  ExpectKnown();
}

// ---- Without a routing daemon

class EvpnSupervisedByHandTest : public EvpnTest {};

TEST_F(EvpnSupervisedByHandTest, NeighboursThatHaveGoneMeanwhileAreForgotten) {
  AddMachine('a');
  StartSwitch('a', {"--supervise"}, 1);
  AddVni('a');
  Tapctl('a', "link set dev vxlan100 neigh_suppress on");
  Run("bridge -n a fdb replace " + MacOf("b1") + " dev vxlan100 dst 192.0.2.2 static self master");
  Run(RemoteNeighbour('a', "replace", "10.0.0.21", MacOf("b1")));
  Run(RemoteNeighbour('a', "replace", "10.0.0.22", MacOf("b1")));
  ASSERT_TRUE(
      WaitUntil([&] { return HasNeighbour('a', "10.0.0.21") && HasNeighbour('a', "10.0.0.22"); }));
  Tapctl('a', "neigh replace 10.0.0.99 lladdr " + MacOf("b9"));
  WaitForText();
  const pid_t before = ProcessOf('a');
  ASSERT_EQ(kill(switches_['a']->pid(), SIGSTOP), 0);
  ASSERT_EQ(kill(before, SIGKILL), 0);
  Run(RemoteNeighbour('a', "del", "10.0.0.22", MacOf("b1")));
  ASSERT_EQ(kill(switches_['a']->pid(), SIGCONT), 0);
  ASSERT_TRUE(WaitUntil([&] {
    const pid_t now = ProcessOf('a');
    return now > 0 && now != before;
  }));
  EXPECT_TRUE(WaitUntil([&] { return !HasNeighbour('a', "10.0.0.22"); }));
  EXPECT_TRUE(WaitUntil([&] { return HasNeighbour('a', "10.0.0.21"); }));
  EXPECT_TRUE(HasNeighbour('a', "10.0.0.99"));
}

}  // namespace
}  // namespace tapswitch::evpn_supervised_test
