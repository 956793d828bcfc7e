// An interface that the host uses became a port, and nothing was said of what was cut off or
// bypassed: the host's address and default route, devices on top, filters at ingress, a station
// with its address.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/switch_process.h"

namespace tapswitch::host_cut_off_test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class HostCutOffTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = NetnsSandbox::WhyUnavailable(); !why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
    Run("ip link add p1 up type veth peer name e1 && ip link set e1 up");
    switch_.emplace(std::vector<std::string>{"vnet0"});
    ASSERT_TRUE(switch_->WaitUntilReady());
    client_.emplace();
  }

  void Run(const std::string& command) const { sandbox_->Run(command); }

  // Adds a port, and returns the warnings in the answer.
  [[nodiscard]] std::vector<std::string> Add(const std::string& port) {
    const json answer = client_->Call("port.add", {{"port", port}});
    return answer.is_null() ? std::vector<std::string>()
                            : answer.at("warnings").get<std::vector<std::string>>();
  }

  std::optional<NetnsSandbox> sandbox_;
  std::optional<SwitchProcess> switch_;
  std::optional<ControlClient> client_;
};

TEST_F(HostCutOffTest, NothingIsSaidOfAnInterfaceThatNobodyUses) {
  EXPECT_EQ(client_->Call("port.add", {{"port", "netdev:p1"}}), nullptr);
  EXPECT_EQ(switch_->CountInLog("warning"), 0);
}

TEST_F(HostCutOffTest, AddressesAndTheDefaultRouteAreNamed) {
  Run("ip address add 192.0.2.9/24 dev p1 && ip route add default via 192.0.2.1 dev p1");
  EXPECT_THAT(Add("netdev:p1"), ElementsAre(AllOf(HasSubstr("192.0.2.9/24"), HasSubstr("p1")),
                                            HasSubstr("the default route")));
  EXPECT_TRUE(switch_->WaitForLog("192.0.2.9/24"));
  EXPECT_TRUE(switch_->WaitForLog("the default route"));
}

TEST_F(HostCutOffTest, AHostThatGoesOnReceivingIsCutOffFromNothing) {
  Run("ip address add 192.0.2.9/24 dev p1");
  EXPECT_THAT(Add("netdev:p1,host=shared"), IsEmpty());
}

TEST_F(HostCutOffTest, DevicesOnTopAreNamed) {
  Run("ip link add mv0 link p1 type macvlan mode bridge");
  EXPECT_THAT(Add("netdev:p1"), ElementsAre(HasSubstr("mv0 (macvlan)")));
}

TEST_F(HostCutOffTest, FiltersAtIngressAreNamed) {
  if (sandbox_
          ->TryRun("tc qdisc add dev p1 clsact && "
                   "tc filter add dev p1 ingress bpf da bytecode '1,6 0 0 2,'")
          .status != 0) {
    GTEST_SKIP() << "no filters of tc here";
  }
  EXPECT_THAT(Add("netdev:p1,host=shared"), ElementsAre(HasSubstr("at the ingress of p1")));
}

TEST_F(HostCutOffTest, AStationWithTheAddressOfThePortIsNamed) {
  Run("ip link set p1 address 02:00:00:00:00:77");
  client_->Call("fdb.add", {{"mac", "02:00:00:00:00:77"}, {"dev", "vnet0"}, {"state", "static"}});
  EXPECT_THAT(Add("netdev:p1"),
              Contains(AllOf(HasSubstr("02:00:00:00:00:77"), HasSubstr("vnet0"))));
}

TEST_F(HostCutOffTest, TapctlPrintsWarningsAndSucceeds) {
  Run("ip address add 192.0.2.9/24 dev p1");
  const auto ran = sandbox_->TryRun(std::string(TAPCTL_PATH) + " port add netdev:p1");
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.output, HasSubstr("192.0.2.9/24"));
  EXPECT_EQ(sandbox_->Run(std::string(TAPCTL_PATH) + " port del p1 && " + TAPCTL_PATH +
                          " port add netdev:p1 2>/dev/null"),
            "");
}

}  // namespace
}  // namespace tapswitch::host_cut_off_test
