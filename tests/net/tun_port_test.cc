// Layer-3 devices as stations of the running switch: a tun that the switch makes for a network
// stack, and those of a small program, of OpenVPN and of WireGuard, which it attaches.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <array>
#include <cstring>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "switch/forwarding/wire/bytes.h"
#include "tests/support/control_client.h"
#include "tests/support/payload_transfer.h"
#include "tests/support/switch_test.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_network.h"
#include "tests/support/upgrade.h"
#include "tests/support/wait_until.h"

namespace tapswitch::tun_port_test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// A program with a layer-3 device, which answers pings: it exchanges the addresses of each IPv4
// packet, and makes an echo reply of a request.
class EchoProgram {
 public:
  // Makes tun `name` in the namespace of `host`, or opens it there, and brings it up.
  EchoProgram(const TestHost& host, std::string name) : host_(host), name_(std::move(name)) {
    Open();
  }
  ~EchoProgram() { Close(); }
  EchoProgram(const EchoProgram&) = delete;
  EchoProgram& operator=(const EchoProgram&) = delete;

  void Open() {
    device_ = host_.Inside([&] { return OpenTun(); });
    host_.Run("ip link set " + name_ + " up");
    thread_ = std::jthread([this](const std::stop_token& stop) { Echo(stop); });
  }
  // A tun that is not persistent is deleted.
  void Close() {
    thread_ = {};
    device_ = FileDescriptor();
  }

 private:
  [[nodiscard]] FileDescriptor OpenTun() const {
    FileDescriptor file(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    ifreq request{};
    name_.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (!file.valid() || ioctl(file.get(), TUNSETIFF, &request) != 0) {
      throw std::runtime_error("tun " + name_ + ": " + strerror(errno));
    }
    return file;
  }

  void Echo(const std::stop_token& stop) const {
    std::array<std::byte, 65536> packet{};
    while (!stop.stop_requested()) {
      pollfd ready{.fd = device_.get(), .events = POLLIN, .revents = 0};
      constexpr int kMilliseconds = 20;
      if (poll(&ready, 1, kMilliseconds) != 1) continue;
      const ssize_t size = read(device_.get(), packet.data(), packet.size());
      constexpr ssize_t kHeaders = 28;
      if (size < kHeaders || packet[0] != std::byte{0x45} || packet[20] != std::byte{8}) continue;
      const uint32_t source = LoadBe32(&packet[12]);
      StoreBe32(&packet[12], LoadBe32(&packet[16]));
      StoreBe32(&packet[16], source);
      packet[20] = std::byte{0};
      // The sum has grown by what the type has lost (RFC 1624).
      const uint32_t sum = LoadBe16(&packet[22]) + 0x0800U;
      StoreBe16(&packet[22], static_cast<uint16_t>(sum + (sum >> 16U)));
      static_cast<void>(write(device_.get(), packet.data(), static_cast<size_t>(size)));
    }
  }

  const TestHost& host_;
  std::string name_;
  FileDescriptor device_;
  std::jthread thread_;
};

// An interface of Debian's wireguard-go in the namespace of a host. It ends with its interface.
class WireGuard {
 public:
  WireGuard(const TestHost& host, std::string name)
      : host_(host), name_(std::move(name)), key_(FirstLine(host.Run("wg genkey"))) {
    host_.Run("wireguard-go " + name_ + " >/dev/null 2>&1");
    host_.Run("sh -c 'echo " + key_ + " | wg set " + name_ +
              " listen-port 51820 private-key /dev/stdin'");
  }
  ~WireGuard() { static_cast<void>(host_.TryRun("ip link delete " + name_)); }
  WireGuard(const WireGuard&) = delete;
  WireGuard& operator=(const WireGuard&) = delete;

  // Packets to and from these addresses go to the other end, whose own one is `endpoint`.
  void Add(const WireGuard& peer, const std::string& endpoint, const std::string& addresses) {
    const std::string public_key =
        FirstLine(host_.Run("sh -c 'echo " + peer.key_ + " | wg pubkey'"));
    host_.Run("wg set " + name_ + " peer " + public_key + " endpoint " + endpoint +
              ":51820 allowed-ips " + addresses);
    host_.Run("ip link set " + name_ + " up");
  }

 private:
  [[nodiscard]] static std::string FirstLine(const std::string& text) {
    return text.substr(0, text.find('\n'));
  }

  const TestHost& host_;
  std::string name_;
  std::string key_;
};

// Host 1 is the network stack behind tun0, and host 2 is at a TAP.
class TunPortTest : public SwitchTest {
 protected:
  void Start(const std::string& options = "") {
    sandbox_.emplace(NetnsSandbox::Ipv6::kOn);
    for (int number : {1, 2}) hosts_.emplace_back(*sandbox_, number);
    switch_.emplace(std::vector<std::string>{"--io=" + io(), "vnet2,netns=h2,up=off"});
    ASSERT_TRUE(switch_->WaitUntilReady()) << switch_->log();
    host(2).Connect("vnet2");
    AddPort("tun:tun0,address=10.83.0.1/24,address=fd83::1/64,netns=h1" + options);
    host(1).Run("ip address add 10.83.0.1/24 dev tun0");
    host(1).Run("ip address add fd83::1/64 dev tun0 nodad");
    ExpectUp("tun0");
    ExpectUp("vnet2");
  }
  static void AddPort(const std::string& text) {
    ControlClient().Call("port.add", {{"port", text}});
  }
  static json PortOf(const std::string& name) {
    return ControlClient().Call("port.list", {{"name", name}}).at(0);
  }
  static void ExpectUp(const std::string& name) {
    EXPECT_TRUE(WaitUntil([&] { return PortOf(name)["link"] == "up"; })) << PortOf(name).dump(1);
  }
  static uint64_t Drops(const std::string& port, const std::string& reason) {
    return PortOf(port).value("drops", json::object()).value(reason, uint64_t{0});
  }
  [[nodiscard]] const TestHost& host(int number) const {
    return hosts_.at(static_cast<size_t>(number) - 1);
  }
  // Makes host 3, which is not at the switch, and joins it with host 1, as 192.0.2.3 and 192.0.2.1.
  void AddRemoteHost() {
    hosts_.emplace_back(*sandbox_, 3);
    sandbox_->Run("ip link add wire netns h1 up type veth peer name wire netns h3");
    host(3).Run("ip link set wire up");
    host(1).Run("ip address add 192.0.2.1/24 dev wire");
    host(3).Run("ip address add 192.0.2.3/24 dev wire");
  }
  [[nodiscard]] bool Pings(int from, const std::string& what) const {
    return host(from).TryRun("ping -c 1 -W 1 " + what).status == 0;
  }
  [[nodiscard]] bool PingsSoon(int from, const std::string& what) const {
    return WaitUntil([&] { return Pings(from, what); });
  }

  std::optional<NetnsSandbox> sandbox_;
  std::deque<TestHost> hosts_;
  std::optional<SwitchProcess> switch_;
};
INSTANTIATE_TEST_SUITE_P(Io, TunPortTest, kEachIo, IoName);

TEST_P(TunPortTest, ANetworkStackBehindATunIsAStation) {
  Start();
  for (const IpVersion version : {IpVersion::kV4, IpVersion::kV6}) {
    EXPECT_TRUE(PingsSoon(1, host(2).address(version)));
    EXPECT_TRUE(PingsSoon(2, host(1).address(version)));
    ExpectTcpCarries(host(1), host(2), version, 4'000'000);
    ExpectTcpCarries(host(2), host(1), version, 4'000'000);
    for (const auto& [from, to] : {std::pair{1, 2}, std::pair{2, 1}}) {
      ExpectUdpCarries(host(from), host(to), version,
                       std::vector<size_t>{1, 18, 1472, 1473, 60'000});
    }
  }
  const std::string mac = PortOf("tun0")["details"]["mac"];
  EXPECT_EQ(PortOf("tun0")["details"]["addresses"], "10.83.0.1/24 fd83::1/64");
  EXPECT_THAT(host(2).Run("ip neigh show 10.83.0.1"), HasSubstr(mac));
  EXPECT_THAT(host(2).Run("ip neigh show fd83::1"), HasSubstr(mac));
  EXPECT_EQ(Drops("tun0", "not_ip"), 0U);
}

TEST_P(TunPortTest, SegmentsAreNotCutForIt) {
  Start();
  constexpr size_t kSize = 20'000'000;
  constexpr size_t kSegment = 1448;
  ExpectTcpCarries(host(2), host(1), IpVersion::kV4, kSize);
  EXPECT_LT(PortOf("tun0")["stats64"]["tx"]["packets"].get<size_t>(), kSize / kSegment / 2);
  ExpectTcpCarries(host(1), host(2), IpVersion::kV6, kSize);
  EXPECT_LT(PortOf("tun0")["stats64"]["rx"]["packets"].get<size_t>(), kSize / kSegment / 2);
}

TEST_P(TunPortTest, ItsMtuHolds) {
  Start(",mtu=1400");
  EXPECT_EQ(PortOf("tun0")["mtu"], 1400);
  EXPECT_TRUE(PingsSoon(2, "-M do -s 1372 10.83.0.1"));
  EXPECT_FALSE(Pings(2, "-M do -s 1400 10.83.0.1"));
  EXPECT_GT(Drops("tun0", "too_long"), 0U);
  ExpectTcpCarries(host(1), host(2), IpVersion::kV4, 1'000'000);
}

TEST_P(TunPortTest, WhoDoesNotAnswerIsGivenUpAndCounted) {
  Start();
  EXPECT_FALSE(Pings(1, "10.83.0.77"));
  EXPECT_FALSE(Pings(1, "fd83::77"));
  EXPECT_TRUE(WaitUntil([] { return Drops("tun0", "no_neighbour") >= 2; }));
  host(1).Run("ip route add 192.0.2.0/24 dev tun0");
  EXPECT_FALSE(Pings(1, "192.0.2.1"));
  EXPECT_GT(Drops("tun0", "no_route"), 0U);
  EXPECT_TRUE(PingsSoon(1, "10.83.0.2"));
}

TEST_P(TunPortTest, ItDoesNotAnswerForOthers) {
  Start();
  EXPECT_FALSE(Pings(2, "10.83.0.77"));
  EXPECT_FALSE(Pings(2, "fd83::77"));
  EXPECT_THAT(host(2).Run("ip neigh show"), Not(HasSubstr("77 dev eth0 lladdr")));
}

TEST_P(TunPortTest, ANeighbourMayChangeItsAddress) {
  Start();
  ASSERT_TRUE(PingsSoon(1, "10.83.0.2"));
  host(2).Run("ip link set eth0 down");
  host(2).Run("ip link set eth0 address 02:00:00:00:00:99");
  host(2).Run("ip link set eth0 up");
  EXPECT_TRUE(PingsSoon(2, "10.83.0.1")) << "its question tells its new address";
  EXPECT_TRUE(Pings(1, "10.83.0.2"));
}

TEST_P(TunPortTest, RoutersAndNetworksBehindItAreReached) {
  Start(",gateway=10.83.0.2,route=10.84.0.0/24");
  host(2).Run("ip link set lo up");
  host(2).Run("ip address add 192.0.2.1/32 dev lo");
  host(1).Run("ip route add 192.0.2.0/24 dev tun0");
  EXPECT_TRUE(PingsSoon(1, "192.0.2.1"));
  host(1).Run("ip link set lo up");
  host(1).Run("ip address add 10.84.0.1/32 dev lo");
  host(2).Run("ip route add 10.84.0.0/24 dev eth0");
  EXPECT_TRUE(PingsSoon(2, "10.84.0.1"));
}

TEST_P(TunPortTest, ANewProcessTakesItOver) {
  Start();
  for (int round = 0; round < 2; ++round) {
    Upgrade(*switch_);
    EXPECT_TRUE(PingsSoon(1, "10.83.0.2"));
    ExpectTcpCarries(host(2), host(1), IpVersion::kV4, 1'000'000);
  }
}

TEST_P(TunPortTest, AProgramWithALayer3DeviceIsAStation) {
  Start();
  EchoProgram program(host(1), "tun1");
  AddPort("tun:tun1,attach,address=10.83.0.3/24,netns=h1,mac=02:00:00:00:00:33");
  ExpectUp("tun1");
  EXPECT_TRUE(PingsSoon(2, "10.83.0.3"));
  EXPECT_TRUE(PingsSoon(2, "-s 1400 10.83.0.3"));
  EXPECT_THAT(host(2).Run("ip neigh show 10.83.0.3"), HasSubstr("02:00:00:00:00:33"));
  Upgrade(*switch_);
  EXPECT_TRUE(PingsSoon(2, "10.83.0.3"));
  // Its device is deleted with it, and made again.
  program.Close();
  EXPECT_TRUE(WaitUntil([] { return PortOf("tun1")["link"] == "down"; }));
  program.Open();
  ExpectUp("tun1");
  EXPECT_TRUE(PingsSoon(2, "10.83.0.3"));
}

TEST_P(TunPortTest, APersistentDeviceIsFollowedAsItsProgramComesAndGoes) {
  Start();
  host(1).Run("ip tuntap add tun1 mode tun");
  AddPort("tun:tun1,attach,address=10.83.0.3/24,netns=h1");
  for (int round = 0; round < 2; ++round) {
    EchoProgram program(host(1), "tun1");
    ExpectUp("tun1");
    EXPECT_TRUE(PingsSoon(2, "10.83.0.3"));
    program.Close();
    EXPECT_TRUE(WaitUntil([] { return PortOf("tun1")["link"] == "down"; }));
  }
}

TEST_P(TunPortTest, WhatCannotBeIsRefusedWithTheCure) {
  Start();
  ControlClient client;
  const auto refusal = [&](const std::string& text) {
    return client.Refused("port.add", {{"port", text}});
  };
  EXPECT_THAT(refusal("tun:x"), HasSubstr("address="));
  host(1).Run("ip link add plain0 type veth peer name plain1");
  EXPECT_THAT(refusal("tun:plain0,address=10.83.0.9/24,netns=h1"), HasSubstr("not a tun"));
  EXPECT_THAT(refusal("tun:plain0,attach,address=10.83.0.9/24,netns=h1"),
              HasSubstr("netdev:plain0"));
  host(1).Run("ip tuntap add tap5 mode tap");
  EXPECT_THAT(refusal("tun:tap5,address=10.83.0.9/24,netns=h1"), HasSubstr("mode tun"));
  const EchoProgram program(host(1), "tun1");
  EXPECT_THAT(refusal("tun:tun1,address=10.83.0.9/24,netns=h1"),
              AllOf(HasSubstr("held by another process"), HasSubstr("attach")));
  const json saved = client.Call("config.save");
  EXPECT_NE(std::find(saved.begin(), saved.end(),
                      "port add tun:tun0,address=10.83.0.1/24,address=fd83::1/64,netns=h1"),
            saved.end())
      << saved.dump(1);
}

// Debian's OpenVPN between two namespaces: the switch has the layer-3 device of one end, so the
// other end is in the switch's network.
TEST_P(TunPortTest, TheOtherEndOfAnOpenVpnTunnelIsAStation) {
  Start();
  if (sandbox_->TryRun("command -v openvpn").status != 0) GTEST_SKIP() << "needs openvpn";
  const TemporaryDirectory directory;
  const std::string key = directory.Path("static.key");
  sandbox_->Run("openvpn --genkey secret " + key);
  AddRemoteHost();
  const auto begin = [&](int number, const std::string& remote, const std::string& own) {
    host(number).Run("openvpn --daemon --writepid " + directory.Path(std::to_string(number)) +
                     " --log " + directory.Path("log" + std::to_string(number)) +
                     " --dev tun9 --dev-type tun --ifconfig " + own + " --remote " + remote +
                     " --secret " + key + " --cipher AES-256-CBC");
  };
  AddPort("tun:tun9,attach,address=10.83.0.3/24,netns=h1");
  begin(1, "192.0.2.3", "10.83.9.1 10.83.9.2");
  begin(3, "192.0.2.1", "10.83.0.3 10.83.9.1");
  ExpectUp("tun9");
  ASSERT_TRUE(WaitUntil([&] { return host(3).TryRun("ip link show tun9").status == 0; }));
  ASSERT_TRUE(WaitUntil(
      [&] { return host(3).TryRun("ip route replace 10.83.0.0/24 dev tun9").status == 0; }));
  EXPECT_TRUE(PingsSoon(2, "10.83.0.3"));
  EXPECT_TRUE(PingsSoon(3, "10.83.0.2"));
  ExpectTcpCarries(host(3), host(2), IpVersion::kV4, 1'000'000);
  ExpectTcpCarries(host(2), host(3), IpVersion::kV4, 1'000'000);
  for (const char* const number : {"1", "3"}) {
    sandbox_->Run("kill $(cat " + directory.Path(number) + ")");
  }
}

TEST_P(TunPortTest, TheOtherEndOfAWireGuardTunnelIsAStation) {
  Start();
  for (const std::string program : {"wireguard-go", "wg"}) {
    if (sandbox_->TryRun("command -v " + program).status != 0) GTEST_SKIP() << "needs " << program;
  }
  AddRemoteHost();
  WireGuard own(host(1), "wg1");
  WireGuard remote(host(3), "wg3");
  own.Add(remote, "192.0.2.3", "10.83.0.3/32,fd83::3/128");
  remote.Add(own, "192.0.2.1", "10.83.0.0/24,fd83::/64");
  host(3).Run("ip address add 10.83.0.3/24 dev wg3");
  host(3).Run("ip address add fd83::3/64 dev wg3 nodad");
  AddPort("tun:wg1,attach,address=10.83.0.3/24,address=fd83::3/64,netns=h1");
  ExpectUp("wg1");
  EXPECT_TRUE(PingsSoon(2, "10.83.0.3"));
  EXPECT_TRUE(PingsSoon(2, "fd83::3"));
  EXPECT_TRUE(PingsSoon(3, "10.83.0.2"));
  EXPECT_TRUE(PingsSoon(3, "10.83.0.1")) << "a station that is at another tun";
  for (const IpVersion version : {IpVersion::kV4, IpVersion::kV6}) {
    ExpectTcpCarries(host(3), host(2), version, 1'000'000);
    ExpectTcpCarries(host(2), host(3), version, 1'000'000);
  }
  Upgrade(*switch_);
  EXPECT_TRUE(PingsSoon(2, "10.83.0.3"));
}

}  // namespace
}  // namespace tapswitch::tun_port_test
