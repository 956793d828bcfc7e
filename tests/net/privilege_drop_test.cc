// A switch that was started as root and became another user.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "ports/os/user_accounts.h"
#include "tests/support/control_client.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/tun_device.h"

namespace tapswitch::privilege_drop_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

// The lines of /proc/PID/task/TID/status, KEY to VALUE.
std::map<std::string, std::string> ReadStatus(const std::filesystem::path& task) {
  std::map<std::string, std::string> values;
  std::ifstream status(task / "status");
  for (std::string line; std::getline(status, line);) {
    const size_t colon = line.find(":\t");
    if (colon != std::string::npos) values[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return values;
}

class PrivilegeDropTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (IsSkipped()) return;
    network_.emplace(
        TestNetwork::Options{.io = io(),
                             .ports = std::vector<std::string>(2),
                             .flags = {"--user=nobody", "--metrics_listen=127.0.0.1:9100"}});
  }

  std::optional<TestNetwork> network_;
};
INSTANTIATE_TEST_SUITE_P(Io, PrivilegeDropTest, kEachIo, IoName);

TEST_P(PrivilegeDropTest, ItForwards) {
  network_->host(1).Run("ping -q -c 1 -w 30 " + network_->host(2).address(IpVersion::kV4));
}

TEST_P(PrivilegeDropTest, EveryThreadHasThreeCapabilitiesAndIsThatUser) {
  const UserAccount nobody = FindUser("nobody").value();
  const std::string uid = std::to_string(nobody.uid);
  size_t threads = 0;
  const auto tasks = "/proc/" + std::to_string(network_->tapswitchd().pid()) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    auto status = ReadStatus(task);
    SCOPED_TRACE("thread " + status["Name"]);
    ++threads;
    EXPECT_EQ(status["Uid"], uid + "\t" + uid + "\t" + uid + "\t" + uid);
    // CAP_NET_BROADCAST is bit 11, CAP_NET_ADMIN bit 12, CAP_NET_RAW bit 13.
    EXPECT_EQ(status["CapEff"], "0000000000003800");
    EXPECT_EQ(status["CapPrm"], "0000000000003800");
    EXPECT_EQ(status["CapInh"], "0000000000000000");
    EXPECT_EQ(status["CapAmb"], "0000000000000000");
    EXPECT_EQ(status["CapBnd"], "0000000000003800");
    EXPECT_EQ(status["NoNewPrivs"], "1");
  }
  EXPECT_GE(threads, 4U) << "the worker, the control thread, and at least two for metrics";
}

TEST_P(PrivilegeDropTest, APortCanBeAddedWhereItsUserMayOpenTheDevice) {
  const TunDevice device(0666);
  ControlClient client;
  client.Call("port.add", {{"port", "extra"}});
  EXPECT_EQ(client.Call("port.list", {{"name", "extra"}})[0]["link"], "up");
  client.Call("port.del", {{"name", "extra"}});
}

TEST_P(PrivilegeDropTest, APortIsRefusedWhereItsUserMayNotOpenTheDevice) {
  const TunDevice device(0600);
  ControlClient client;
  EXPECT_THAT(client.Refused("port.add", {{"port", "extra"}}),
              AllOf(HasSubstr("extra"), HasSubstr("/dev/net/tun")));
  EXPECT_THAT(client.Call("port.list"), SizeIs(2)) << "and it is not there half-way";
}

TEST_P(PrivilegeDropTest, APortInANamespaceIsRefused) {
  const TunDevice device(0666);
  ControlClient client;
  EXPECT_THAT(client.Refused("port.add", {{"port", "extra,netns=h1"}}),
              AllOf(HasSubstr("extra"), HasSubstr("CAP_SYS_ADMIN")));
  EXPECT_THAT(client.Call("port.list"), SizeIs(2)) << "and it is not there half-way";
}

TEST_P(PrivilegeDropTest, AnInterfaceCanBeAttachedAndTheHostIsKeptOut) {
  network_->sandbox().Run("ip link add extra up type veth peer name extrafar");
  ControlClient client;
  client.Call("port.add", {{"port", "netdev:extra"}});
  EXPECT_EQ(network_->tapswitchd().CountInLog("cannot be kept out"), 0U);
  // The programs that the kernel forwards by were loaded at the start, and can still be attached.
  if (client.Call("kernel.list").at(0).at("kernel_forwarding") == "off") {
    EXPECT_THAT(network_->sandbox().Run("tc filter show dev extra ingress"), HasSubstr("bpf"));
  }
  client.Call("port.del", {{"name", "extra"}});
}

TEST_P(PrivilegeDropTest, PortsAreChangedAndRemovedAsBefore) {
  ControlClient client;
  client.Call("link.set", {{"dev", "vnet1"}, {"isolated", true}});
  client.Call("port.del", {{"name", "vnet1"}});
  EXPECT_THAT(client.Call("port.list"), SizeIs(1));
}

}  // namespace
}  // namespace tapswitch::privilege_drop_test
