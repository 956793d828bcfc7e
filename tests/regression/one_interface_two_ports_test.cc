// An interface was a port twice: names were compared, where the kernel knows it by its namespace
// and index. Each frame was received twice, and sent back where it came from.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/support/control_client.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/switch_process.h"
#include "tests/support/wait_until.h"

namespace tapswitch::one_interface_two_ports_test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class OneInterfaceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = NetnsSandbox::WhyUnavailable(); !why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
    Run("ip link add p1 up type veth peer name e1 && ip link add p2 up type veth peer name e2");
    Run("ip link set e1 up && ip link set e2 up");
  }

  void Start() {
    switch_.emplace(std::vector<std::string>{"netdev:p1", "netdev:p2"});
    ASSERT_TRUE(switch_->WaitUntilReady());
    client_.emplace();
  }

  void Run(const std::string& command) const { sandbox_->Run(command); }

  [[nodiscard]] std::string Refusal(const std::string& port) {
    return client_->Refused("port.add", {{"port", port}});
  }

  // Starts one more switch, which ends at once, and returns what it says.
  [[nodiscard]] static std::string RefusalOfSecondSwitch(
      const std::string& port, const std::vector<std::string>& launcher = {}) {
    SwitchProcess second({"--name=br1", port}, launcher);
    const auto status = second.WaitForExit();
    EXPECT_TRUE(status && *status != 0) << second.log();
    return second.log();
  }

  std::optional<NetnsSandbox> sandbox_;
  std::optional<SwitchProcess> switch_;
  std::optional<ControlClient> client_;
};

TEST_F(OneInterfaceTest, ItIsNoSecondPortByAnotherName) {
  Start();
  Run("ip link property add dev p1 altname uplink");
  EXPECT_THAT(Refusal("netdev:uplink"), HasSubstr("in use by port 'p1' of this switch"));
  Run("ip link set p1 down && ip link set p1 name q1 && ip link set q1 up");
  EXPECT_THAT(Refusal("netdev:q1"), HasSubstr("in use by port 'p1' of this switch"));
  EXPECT_THAT(client_->Refused("port.add", {{"port", "netdev:q1"}, {"ephemeral", true}}),
              HasSubstr("in use by port 'p1' of this switch"));
}

TEST_F(OneInterfaceTest, ItIsNoSecondPortByAnotherWayToItsNamespace) {
  Start();
  Run("ip link property add dev p1 altname uplink && ip netns attach here $$");
  EXPECT_THAT(Refusal("netdev:uplink,netns=here"), HasSubstr("port 'p1' of this switch"));
  EXPECT_THAT(Refusal("netdev:uplink,netns=/run/netns/here"),
              HasSubstr("port 'p1' of this switch"));
}

TEST_F(OneInterfaceTest, ATapThatIsAPortIsNoNetdevPort) {
  Start();
  client_->Call("port.add", {{"port", "tap:vnet0"}});
  Run("ip link property add dev vnet0 altname other");
  EXPECT_THAT(Refusal("netdev:other"), HasSubstr("port 'vnet0' of this switch"));
  Run("ip tuntap add dev vnet1 mode tap && ip link property add dev vnet1 altname another");
  client_->Call("port.add", {{"port", "netdev:vnet1"}});
  Run("ip link set vnet1 down && ip link set vnet1 name vnet2");
  EXPECT_THAT(Refusal("tap:vnet2"), HasSubstr("port 'vnet1' of this switch"));
}

TEST_F(OneInterfaceTest, AnotherSwitchIsToldWhoHasIt) {
  Start();
  EXPECT_THAT(RefusalOfSecondSwitch("netdev:p1"),
              AllOf(HasSubstr("another switch"), HasSubstr("tapswitchd 'br0'"),
                    HasSubstr(std::to_string(switch_->pid()))));
}

// A container may have a /run of its own.
TEST_F(OneInterfaceTest, AnotherSwitchWithAnotherRuntimeFolderIsRefused) {
  Start();
  EXPECT_THAT(RefusalOfSecondSwitch("netdev:p1",
                                    {"unshare", "--mount", "sh", "-c",
                                     R"(mount -t tmpfs none /run/tapswitch && exec "$0" "$@")"}),
              HasSubstr("another switch"));
}

TEST_F(OneInterfaceTest, TwoSwitchesAtOnceDoNotBothGetIt) {
  for (int i = 0; i < 5; ++i) {
    SwitchProcess one({"--name=br1", "netdev:p1"});
    SwitchProcess two({"--name=br2", "netdev:p1"});
    ASSERT_TRUE(WaitUntil([&] { return !one.running() || !two.running(); }));
    SwitchProcess& winner = one.running() ? one : two;
    SwitchProcess& loser = one.running() ? two : one;
    EXPECT_TRUE(winner.WaitUntilReady()) << one.log() << two.log();
    static_cast<void>(loser.WaitForExit());
    EXPECT_EQ(loser.CountInLog("in use by another switch"), 1U);
  }
}

TEST_F(OneInterfaceTest, AKilledSwitchLetsItGo) {
  Start();
  switch_->Kill();
  SwitchProcess next({"--name=br1", "netdev:p1", "netdev:p2"});
  EXPECT_TRUE(next.WaitUntilReady()) << next.log();
}

TEST_F(OneInterfaceTest, TheClaimFollowsAnInterfaceThatIsMadeAgain) {
  Start();
  Run("ip link del p1 && ip link add p1 up type veth peer name e1 && ip link set e1 up");
  ASSERT_TRUE(WaitUntil([&] {
    return client_->Call("port.list", {{"name", "p1"}}).at(0).at("link") == "up";
  }));
  EXPECT_THAT(RefusalOfSecondSwitch("netdev:p1"), HasSubstr("tapswitchd 'br0'"));
}

TEST_F(OneInterfaceTest, APortThatIsTakenMeanwhileSaysByWhomAndTriesAgain) {
  Start();
  Run("ip link del p1");
  ASSERT_TRUE(switch_->WaitForLog("port p1: interface was deleted"));
  Run("ip link add x1 type veth peer name e1 && ip link set e1 up");
  std::optional<SwitchProcess> second(std::in_place,
                                      std::vector<std::string>{"--name=br1", "netdev:x1"});
  ASSERT_TRUE(second->WaitUntilReady());
  Run("ip link set x1 name p1 && ip link set p1 up");
  const auto port = [&] { return client_->Call("port.list", {{"name", "p1"}}).at(0); };
  ASSERT_TRUE(WaitUntil([&] {
    return port().value("reason", "").find("tapswitchd 'br1'") != std::string::npos;
  })) << port();
  second.reset();
  EXPECT_TRUE(WaitUntil([&] { return port().at("link") == "up"; })) << port();
}

TEST_F(OneInterfaceTest, APortOfABridgeOfTheKernelIsRefusedByItsName) {
  Start();
  Run("ip link add kbr type bridge && ip link add p3 type veth peer name e3 && "
      "ip link set p3 master kbr");
  EXPECT_THAT(Refusal("netdev:p3"), HasSubstr("in use as a port of bridge 'kbr'"));
  EXPECT_THAT(Refusal("netdev:p3,host=shared"), HasSubstr("in use as a port of bridge 'kbr'"));
}

}  // namespace
}  // namespace tapswitch::one_interface_two_ports_test
