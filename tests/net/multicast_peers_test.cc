// Multicast snooping beside other people's programs: routers of FRR and smcroute, Open vSwitch as a
// second switch that snoops. Hosts join by their own network stacks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/frame_exchange.h"
#include "tests/support/group_frames.h"
#include "tests/support/open_vswitch.h"
#include "tests/support/peer_hosts.h"
#include "tests/support/snooping_switch.h"

namespace tapswitch::multicast_peers_test {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;

constexpr const char* kGroup = "239.10.10.10";
constexpr IpAddress kGroupAddress = V4(0xEF0A0A0A);
constexpr IpAddress kUnwanted = V4(0xEF636363);

// Whether a frame carries a datagram to the group.
bool IsDataTo(IpAddress group, const std::vector<std::byte>& frame) {
  constexpr size_t kProtocol = 23;
  constexpr size_t kDestination = 30;
  constexpr auto kUdp = std::byte{17};
  return frame.size() >= kDestination + 4 && frame[kProtocol] == kUdp &&
         LoadBe32(frame.data() + kDestination) == group.v4();
}

// A sender of datagrams to groups by the network stack of a namespace.
class GroupSender {
 public:
  explicit GroupSender(const std::string& netns) {
    const NetworkNamespace there = NetworkNamespace::Open(netns).value();
    const NetnsScope scope = NetnsScope::Enter(there).value();
    socket_ = FileDescriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int hops = 8;
    EXPECT_EQ(setsockopt(socket_.get(), IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof(hops)), 0);
    ip_mreqn by{};
    by.imr_ifindex = static_cast<int>(if_nametoindex("eth0"));
    EXPECT_EQ(setsockopt(socket_.get(), IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof(by)), 0);
  }
  void Send(IpAddress group) const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(5000);
    to.sin_addr.s_addr = htonl(group.v4());
    static_cast<void>(
        sendto(socket_.get(), "data", 4, 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to)));
  }

 private:
  FileDescriptor socket_;
};

// Hosts 1 and 2 at the switch, and host 3 that is a router with a network behind it, `far`, whose
// only other station is 10.84.0.2.
class MulticastPeersTest : public SnoopingSwitchTest {
 protected:
  static constexpr int kRouter = 3;

  void TearDown() override {
    for (const std::string& pid : daemons_) static_cast<void>(TryRun("kill " + pid));
  }

  std::string Run(const std::string& command) const { return network_->sandbox().Run(command); }
  [[nodiscard]] NetnsSandbox::Result TryRun(const std::string& command) const {
    return network_->sandbox().TryRun(command);
  }
  [[nodiscard]] static bool HasProgram(const std::string& name) {
    return std::system(("command -v " + name + " >/dev/null").c_str()) == 0;
  }

  void AddFarNetwork() const {
    network_->sandbox().AddNetns("far");
    Run("ip -n h3 link add eth1 type veth peer name eth0 netns far && ip -n h3 link set eth1 up && "
        "ip -n far link set eth0 up && ip -n h3 address add 10.84.0.1/24 dev eth1 && "
        "ip -n far address add 10.84.0.2/24 dev eth0 && ip -n far route add default via 10.84.0.1");
    Run("ip netns exec h3 sysctl -qw net.ipv4.ip_forward=1");
    for (const int host : {1, 2}) network_->host(host).Run("ip route add default via 10.83.0.3");
  }

  // Starts a program in a namespace. It ends with the test.
  void StartDaemon(const std::string& netns, const std::string& command, const std::string& name) {
    const std::string log = "/run/tapswitch/" + name + ".out";
    const std::string pid =
        Run("ip netns exec " + netns + " sh -c 'exec " + command + " >" + log + " 2>&1 & echo $!'");
    daemons_.push_back(pid.substr(0, pid.find('\n')));
  }

  [[nodiscard]] PacketSocket Listen(const std::string& netns) const {
    const NetworkNamespace there = NetworkNamespace::Open(netns).value();
    const NetnsScope scope = NetnsScope::Enter(there).value();
    return PacketSocket("eth0", ETH_P_IP);
  }

  // Whether what is sent to the group comes, as soon as everybody knows of its members.
  [[nodiscard]] static bool HearsInTheEnd(const PacketSocket& socket, const GroupSender& sender) {
    return WaitUntil([&] {
      sender.Send(kGroupAddress);
      return Heard(socket, kGroupAddress);
    });
  }
  // Whether datagrams to a group have come since the last call.
  [[nodiscard]] static bool Heard(const PacketSocket& socket, IpAddress group) {
    bool has_heard = false;
    for (;;) {
      const auto frame = socket.Receive(std::chrono::milliseconds(0));
      if (frame.empty()) return has_heard;
      has_heard |= IsDataTo(group, frame);
    }
  }

  std::vector<std::string> daemons_;
};

// ---- FRR

class PimRouterTest : public MulticastPeersTest {
 protected:
  void SetUp() override {
    MulticastPeersTest::SetUp();
    if (IsSkipped()) return;
    if (!std::ifstream("/usr/lib/frr/pimd").good()) GTEST_SKIP() << "there is no pimd: install frr";
    Start();
    AddFarNetwork();
    StartFrr();
  }

  void StartFrr() {
    Run("mkdir -p " + kFolder + "; chown frr:frr " + kFolder + "; chmod 755 /run/tapswitch");
    std::ofstream(kFolder + "/zebra.conf") << "hostname router\n";
    std::ofstream(kFolder + "/pimd.conf")
        << "interface eth0\n ip pim\n ip pim hello 1\n ip igmp\n"
        << " ip igmp query-max-response-time 10\n ip igmp query-interval 2\n"
        << "interface eth1\n ip pim\n"
        << "ip pim rp 10.83.0.3 224.0.0.0/4\n";
    for (const std::string daemon : {"zebra", "pimd"}) {
      const std::string in_folder = kFolder + "/" + daemon;
      StartDaemon("h3",
                  "/usr/lib/frr/" + daemon + " -f " + in_folder + ".conf -i " + in_folder +
                      ".pid -z " + kFolder + "/zserv.api --vty_socket " + kFolder +
                      " -P 0 -A 127.0.0.1",
                  daemon);
      ASSERT_TRUE(WaitUntil([&] { return TryRun("test -S " + in_folder + ".vty").status == 0; }));
    }
    ASSERT_TRUE(WaitUntil([&] { return Querier("igmp")["querier"] == "vnet3"; }))
        << Querier("igmp").dump();
    ASSERT_TRUE(WaitUntil([&] { return IsActive(); }));
  }
  [[nodiscard]] std::string Vtysh(const std::string& command) const {
    return TryRun("vtysh --vty_socket " + kFolder + " -c '" + command + "' 2>&1").output;
  }
  [[nodiscard]] bool KnowsGroup(const std::string& group) const {
    return Vtysh("show ip igmp groups").find(group) != std::string::npos;
  }

  inline static const std::string kFolder = "/run/tapswitch/frr";  // where its user may enter
};
INSTANTIATE_TEST_SUITE_P(Io, PimRouterTest, kEachIo, IoName);

TEST_P(PimRouterTest, IsElectedAsQuerierAndItsPortGetsAllGroups) {
  EXPECT_EQ(Querier("igmp")["address"], "10.83.0.3");
  EXPECT_THAT(Querier("igmp")["routers"], Contains("vnet3"));
  client_->Call("bridge.set", {{"mcast_unregistered", "routers"}});
  FrameExchange exchange(*network_);
  const auto data = DataTo(kUnwanted, kHostV4, Station(1));
  exchange.Send(1, data);
  auto received = exchange.Collect();
  EXPECT_THAT(received.at(kRouter), Contains(data));
  EXPECT_THAT(received.at(2), testing::Not(Contains(data)));
}

TEST_P(PimRouterTest, LearnsOfHostsThatJoinAndLeaveAndRoutesToThemAlone) {
  Join(2, kGroup);
  EXPECT_TRUE(WaitUntil([&] { return KnowsGroup(kGroup); })) << "reports go to routers";
  const PacketSocket wanting = Listen("h2");
  const PacketSocket other = Listen("h1");
  const GroupSender sender("far");
  EXPECT_TRUE(HearsInTheEnd(wanting, sender)) << Vtysh("show ip mroute");
  for (int i = 0; i < 20; ++i) sender.Send(kGroupAddress);
  EXPECT_TRUE(WaitUntil([&] { return Heard(wanting, kGroupAddress); }));
  EXPECT_FALSE(Heard(other, kGroupAddress));
  Leave(2, kGroup);
  EXPECT_TRUE(WaitUntil([&] { return !HasEntry(kGroup, "vnet2") && !KnowsGroup(kGroup); }))
      << Vtysh("show ip igmp groups");
}

TEST_P(PimRouterTest, IsForgottenWhenItIsGoneAndTheSwitchAsksInstead) {
  client_->Call("bridge.set", {{"mcast_querier_interval", "3s"}});
  Join(2, kGroup);
  ASSERT_TRUE(WaitUntil([&] { return HasEntry(kGroup, "vnet2"); }));
  ASSERT_TRUE(WaitUntil([&] { return Querier("igmp").value("expires", 99.0) <= 3.0; }))
      << "it has asked since: " << Querier("igmp").dump();
  Run("kill " + daemons_.back());
  EXPECT_TRUE(WaitUntil([&] { return Querier("igmp")["querier"] == "br0"; }))
      << Querier("igmp").dump();
  EXPECT_TRUE(HasEntry(kGroup, "vnet2"));
}

// ---- smcroute

class SmcrouteTest : public MulticastPeersTest {
 protected:
  void SetUp() override {
    MulticastPeersTest::SetUp();
    if (IsSkipped()) return;
    if (!HasProgram("smcrouted")) GTEST_SKIP() << "there is no smcrouted: install smcroute";
    Start();
    AddFarNetwork();
    std::ofstream(kConfig) << "mgroup from eth0 group " << kGroup << "\nmroute from eth0 group "
                           << kGroup << " to eth1\n";
    StartDaemon("h3",
                "smcrouted -n -f " + kConfig + " -P /run/tapswitch/smcroute.pid -u " + kSocket,
                "smcroute");
  }
  void Smcroutectl(const std::string& words) const {
    Run("ip netns exec h3 smcroutectl -u " + kSocket + " " + words);
  }

  inline static const std::string kConfig = "/run/tapswitch/smcroute.conf";
  inline static const std::string kSocket = "/run/tapswitch/smcroute.sock";
};
INSTANTIATE_TEST_SUITE_P(Io, SmcrouteTest, kEachIo, IoName);

TEST_P(SmcrouteTest, GetsTheGroupThatItHasJoinedAndRoutesItUntilItLeaves) {
  ASSERT_TRUE(WaitUntil([&] { return HasEntry(kGroup, "vnet3"); }));
  const PacketSocket far = Listen("far");
  const PacketSocket other = Listen("h2");
  const GroupSender sender("h1");
  EXPECT_TRUE(HearsInTheEnd(far, sender));
  EXPECT_FALSE(Heard(other, kGroupAddress));
  Smcroutectl("leave eth0 " + std::string(kGroup));
  EXPECT_TRUE(WaitUntil([&] { return !HasEntry(kGroup, "vnet3"); }));
}

// ---- Open vSwitch

// It has no querier; ours has an address, as it takes no port for a router's without one.
class OvsSnoopingTest : public MulticastPeersTest {
 protected:
  void SetUp() override {
    MulticastPeersTest::SetUp();
    if (IsSkipped()) return;
    if (!HasProgram("ovs-vswitchd") || !HasProgram("ovsdb-server")) {
      GTEST_SKIP() << "there is no Open vSwitch: install openvswitch-switch";
    }
    Start();
    client_->Call("bridge.set", {{"mcast_querier_address", "10.83.0.250"},
                                 {"mcast_query_use_ifaddr", true},
                                 {"mcast_query_interval", "1s"}});
    StartOvs();
    Run(std::string(TAPCTL_PATH) + " port add netdev:up0");
  }

  void StartOvs() {
    ovs_.emplace(network_->sandbox());
    ovs_->AddBridge(
        "ovs0",
        "mcast_snooping_enable=true other_config:mcast-snooping-disable-flood-unregistered=true");
    peers_.emplace(network_->sandbox(), 2);
    Run("ip link add up0 up type veth peer name up1 && ip link set up1 up");
    for (const std::string& port : {std::string("up1"), PeerHosts::EndOf(1), PeerHosts::EndOf(2)}) {
      ovs_->AddPort("ovs0", port);
    }
    for (const std::string host : {"1", "2"}) {
      Run("ip -n p" + host + " address add 10.83.0.10" + host + "/24 dev eth0");
    }
  }
  [[nodiscard]] bool OvsKnows(const std::string& what) const {
    return ovs_->TryRun("ovs-appctl mdb/show ovs0").output.find(what) != std::string::npos;
  }

  std::optional<OpenVSwitch> ovs_;
  std::optional<PeerHosts> peers_;
};
INSTANTIATE_TEST_SUITE_P(Io, OvsSnoopingTest, testing::Values("uring"), IoName);

TEST_P(OvsSnoopingTest, GroupsReachHostsBehindTheOtherSwitchAndNobodyElse) {
  ASSERT_TRUE(WaitUntil([&] { return OvsKnows("querier"); })) << "it has heard our queries";
  const std::string membership = std::string(" ") + kGroup + "/32 dev eth0 autojoin";
  Run("ip -n p1 address add" + membership);
  ASSERT_TRUE(WaitUntil([&] { return HasEntry(kGroup, "up0"); })) << "its report has come through";
  const PacketSocket wanting = Listen("p1");
  const PacketSocket beside = Listen("p2");
  const PacketSocket here = Listen("h2");
  const GroupSender sender("h1");
  EXPECT_TRUE(HearsInTheEnd(wanting, sender));
  EXPECT_FALSE(Heard(beside, kGroupAddress));
  EXPECT_FALSE(Heard(here, kGroupAddress));
  Run("ip -n p1 address del" + membership);
  EXPECT_TRUE(WaitUntil([&] { return !HasEntry(kGroup, "up0"); }));
}

TEST_P(OvsSnoopingTest, GroupsReachHostsHereFromBehindTheOtherSwitch) {
  ASSERT_TRUE(WaitUntil([&] { return OvsKnows("querier"); }));
  Join(2, kGroup);
  ASSERT_TRUE(WaitUntil([&] { return HasEntry(kGroup, "vnet2"); }));
  const PacketSocket wanting = Listen("h2");
  const PacketSocket other = Listen("h3");
  const GroupSender sender("p1");
  EXPECT_TRUE(HearsInTheEnd(wanting, sender));
  EXPECT_FALSE(Heard(other, kGroupAddress));
}

}  // namespace
}  // namespace tapswitch::multicast_peers_test
