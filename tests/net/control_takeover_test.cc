// The control socket over the lives of several switches.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/control_client.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/switch_process.h"

namespace tapswitch::control_takeover_test {
namespace {

using testing::HasSubstr;

class ControlTakeoverTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = NetnsSandbox::WhyUnavailable(); !why.empty()) GTEST_SKIP() << why;
  }
};

TEST_F(ControlTakeoverTest, ASecondSwitchOfTheNameIsRefusedAndTouchesNothing) {
  const NetnsSandbox sandbox;
  SwitchProcess first({"vnet0"});
  ASSERT_TRUE(first.WaitUntilReady()) << first.log();
  SwitchProcess second({"vnet1"});
  EXPECT_EQ(second.WaitForExit(), 1);
  EXPECT_THAT(second.log(), HasSubstr("br0"));
  EXPECT_NE(sandbox.TryRun("ip link show vnet1").status, 0);
  EXPECT_EQ(ControlClient().Call("port.list").size(), 1U);

  SwitchProcess other({"--name=br1", "vnet1"});
  EXPECT_TRUE(other.WaitUntilReady()) << other.log();
  EXPECT_EQ(ControlClient("/run/tapswitch/br1.sock").Call("bridge.list").at(0)["ifname"], "br1");
}

TEST_F(ControlTakeoverTest, TheSocketOfASwitchThatWasKilledIsTakenOver) {
  const NetnsSandbox sandbox;
  for (int round = 0; round < 5; ++round) {
    SwitchProcess killed({"vnet0"});
    ASSERT_TRUE(killed.WaitUntilReady()) << round << killed.log();
    EXPECT_EQ(ControlClient().Call("port.list").size(), 1U);
    killed.Kill();
  }
  SwitchProcess last({"vnet0"});
  ASSERT_TRUE(last.WaitUntilReady()) << last.log();
  EXPECT_EQ(ControlClient().Call("port.list").size(), 1U);
  last.Stop();
  EXPECT_NE(sandbox.TryRun("test -e " + std::string(ControlClient::kDefaultPath)).status, 0);
}

TEST_F(ControlTakeoverTest, OnlyOwnerAndGroupMayConnect) {
  const NetnsSandbox sandbox;
  SwitchProcess tapswitchd({"--control_group=daemon"});
  ASSERT_TRUE(tapswitchd.WaitUntilReady()) << tapswitchd.log();
  EXPECT_EQ(sandbox.Run("stat -c '%a %G' " + std::string(ControlClient::kDefaultPath)),
            "660 daemon\n");
}

TEST_F(ControlTakeoverTest, AnswersComeOnceThePortsForward) {
  const NetnsSandbox sandbox;
  sandbox.AddNetns("h1");
  SwitchProcess tapswitchd({"vnet0", "vnet1,netns=h1"});
  // As early as it can be reached.
  for (;;) {
    try {
      ControlClient client;
      for (const auto& port : client.Call("port.list")) EXPECT_EQ(port["state"], "forwarding");
      EXPECT_EQ(client.Call("port.list").size(), 2U);
      return;
    } catch (const std::system_error&) {
      ASSERT_TRUE(tapswitchd.running()) << tapswitchd.log();
    }
  }
}

}  // namespace
}  // namespace tapswitch::control_takeover_test
