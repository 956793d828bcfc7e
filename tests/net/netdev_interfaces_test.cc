// Kinds of interfaces that serve as ports: a TAP that another process holds, one in another
// namespace, a vxlan tunnel between two switches, a macvtap.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "tests/support/control_client.h"
#include "tests/support/frame_builder.h"
#include "tests/support/payload_transfer.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"
#include "tests/support/wait_until.h"

namespace tapswitch::netdev_interfaces_test {
namespace {

constexpr size_t kStream = size_t{4} << 20U;

class NetdevInterfacesTest : public SwitchTest {
 protected:
  void SetUp() override {
    SwitchTest::SetUp();
    if (!IsSkipped()) sandbox_.emplace();
  }

  SwitchProcess& Start(std::vector<std::string> arguments,
                       const std::vector<std::string>& launcher = {}) {
    arguments.insert(arguments.begin(), "--io=" + io());
    SwitchProcess& started = switches_.emplace_back(arguments, launcher);
    // Its sd_notify message does not come out of a namespace.
    EXPECT_TRUE(started.WaitForLog("ready:")) << started.log();
    return started;
  }

  void ExpectThatTcpPasses() {
    ASSERT_TRUE(WaitUntil([&] {
      return hosts_[0].TryRun("ping -c 1 -W 1 " + hosts_[1].address(IpVersion::kV4)).status == 0;
    }));
    ExpectTcpCarries(hosts_[0], hosts_[1], IpVersion::kV4, kStream);
    ExpectTcpCarries(hosts_[1], hosts_[0], IpVersion::kV4, kStream);
  }

  std::optional<NetnsSandbox> sandbox_;
  std::deque<TestHost> hosts_;
  std::deque<SwitchProcess> switches_;
};
INSTANTIATE_TEST_SUITE_P(Io, NetdevInterfacesTest, kEachIo, IoName);

// As QEMU does it.
FileDescriptor OpenTap(const std::string& name) {
  FileDescriptor tap(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  ifreq request{};
  name.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  EXPECT_EQ(ioctl(tap.get(), TUNSETIFF, &request), 0);
  return tap;
}

TEST_P(NetdevInterfacesTest, ATapThatAnotherProcessHoldsCarriesItsFramesBothWays) {
  const FileDescriptor first = OpenTap("vnet1");
  const FileDescriptor second = OpenTap("vnet2");
  sandbox_->Run("ip link set vnet1 up && ip link set vnet2 up");
  Start({"netdev:vnet1", "netdev:vnet2"});
  const auto frame = FrameBuilder(kBroadcastAddress, MacAddress::FromNumber(0x02AA00000001))
                         .Type(EtherType{0x88B5})
                         .Text("from a guest")
                         .Pad(60)
                         .Build();
  ASSERT_EQ(write(first.get(), frame.data(), frame.size()), static_cast<ssize_t>(frame.size()));
  EXPECT_TRUE(WaitUntil([&] {
    std::array<std::byte, 2048> bytes{};
    const ssize_t size = read(second.get(), bytes.data(), bytes.size());
    return size > 0 && std::vector(bytes.begin(), bytes.begin() + size) == frame;
  }));
}

TEST_P(NetdevInterfacesTest, AnInterfaceInAnotherNamespaceIsAttachedThere) {
  for (const int number : {1, 2}) hosts_.emplace_back(*sandbox_, number);
  sandbox_->AddNetns("side");
  sandbox_->Run("ip -n side link add vnet1 up type veth peer name vnet1 netns h1");
  sandbox_->Run("ip link add vnet2 up type veth peer name vnet2 netns h2");
  Start({"netdev:vnet1,netns=side", "netdev:vnet2"});
  hosts_[0].Connect("vnet1");
  hosts_[1].Connect("vnet2");
  ExpectThatTcpPasses();
}

TEST_P(NetdevInterfacesTest, TwoSwitchesAreJoinedByAVxlanTunnel) {
  for (const int number : {1, 2}) hosts_.emplace_back(*sandbox_, number);
  for (const std::string name : {"m1", "m2"}) sandbox_->AddNetns(name);
  sandbox_->Run(
      "ip -n m1 link add wire mtu 2000 type veth peer name wire mtu 2000 netns m2 && "
      "ip -n m1 address add 192.0.2.1/24 dev wire && ip -n m2 address add 192.0.2.2/24 dev wire && "
      "ip -n m1 link set wire up && ip -n m2 link set wire up");
  for (const int number : {1, 2}) {
    const std::string self = std::to_string(number);
    const std::string other = std::to_string(3 - number);
    const auto tunnel = sandbox_->TryRun(
        "ip -n m" + self + " link add vx0 mtu 1500 up type vxlan id 7 local 192.0.2." + self +
        " remote 192.0.2." + other + " dstport 4789");
    if (tunnel.status != 0) GTEST_SKIP() << "no vxlan here: " << tunnel.output;
    sandbox_->Run("ip -n m" + self + " link add port up type veth peer name port netns h" + self);
    hosts_[static_cast<size_t>(number - 1)].Connect("port");
    Start({"--name=br" + self, "netdev:vx0", "netdev:port"}, {"ip", "netns", "exec", "m" + self});
  }
  ExpectThatTcpPasses();
}

TEST_P(NetdevInterfacesTest, AMacvtapIsAnUplink) {
  for (const int number : {1, 2}) hosts_.emplace_back(*sandbox_, number);
  sandbox_->Run("ip link add lower up type veth peer name vnet2 netns h2");
  const auto made =
      sandbox_->TryRun("ip link add link lower name mv0 up type macvtap mode passthru");
  if (made.status != 0) GTEST_SKIP() << "no macvtap here: " << made.output;
  sandbox_->Run("ip link add vnet1 up type veth peer name vnet1 netns h1");
  Start({"netdev:vnet1", "netdev:mv0"});
  hosts_[0].Connect("vnet1");
  hosts_[1].Connect("vnet2");
  ExpectThatTcpPasses();
}

}  // namespace
}  // namespace tapswitch::netdev_interfaces_test
