// Ports on UDP sockets in the running switch, with peers that speak as QEMU, GNS3 and VPCS do.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/frame_builder.h"
#include "tests/support/frame_exchange.h"
#include "tests/support/socket_peer.h"
#include "tests/support/switch_test.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_network.h"
#include "tests/support/upgrade.h"
#include "tests/support/wait_until.h"

namespace tapswitch::udp_port_test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

using Bytes = std::vector<std::byte>;

constexpr uint16_t kSwitchPort = 30000;
constexpr uint16_t kPeerPort = 20000;

// A socket on the loopback interface that sends to one port of the switch.
class UdpPeer {
 public:
  UdpPeer(bool is_ipv6, uint16_t own, uint16_t remote)
      : fd_(socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    Apply(is_ipv6, own, bind);
    Apply(is_ipv6, remote, connect);
  }

  [[nodiscard]] bool Send(std::span<const std::byte> frame) const {
    return send(fd_.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
  }
  [[nodiscard]] std::optional<Bytes> Receive(
      std::chrono::milliseconds limit = std::chrono::seconds(30)) const {
    if (!IsReadable(fd_.get(), limit)) return std::nullopt;
    Bytes frame(65536);
    const ssize_t size = recv(fd_.get(), frame.data(), frame.size(), 0);
    if (size < 0) return std::nullopt;
    frame.resize(static_cast<size_t>(size));
    return frame;
  }

 private:
  template <typename Call>
  void Apply(bool is_ipv6, uint16_t port, Call call) const {
    sockaddr_in v4{.sin_family = AF_INET,
                   .sin_port = htons(port),
                   .sin_addr = {htonl(INADDR_LOOPBACK)},
                   .sin_zero = {}};
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    v6.sin6_addr = in6addr_loopback;
    const int result = is_ipv6
                           ? call(fd_.get(), reinterpret_cast<const sockaddr*>(&v6), sizeof(v6))
                           : call(fd_.get(), reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
    if (result != 0) throw std::runtime_error(std::string("udp peer: ") + strerror(errno));
  }

  FileDescriptor fd_;
};

Bytes Frame(int destination, int source, std::string_view text, size_t size = 60) {
  return FrameBuilder(destination == 0 ? kBroadcastAddress : Station(destination), Station(source))
      .Type(EtherType{0x88B5})
      .Text(text)
      .Pad(size)
      .Build();
}

std::string Address(bool is_ipv6, uint16_t port) {
  return (is_ipv6 ? "[::1]:" : "127.0.0.1:") + std::to_string(port);
}

// Port u1 is for the peer at kPeerPort, and so on.
std::string PortText(int number, bool is_ipv6 = false) {
  const auto index = static_cast<uint16_t>(number - 1);
  return "udp:u" + std::to_string(number) +
         ",local=" + Address(is_ipv6, static_cast<uint16_t>(kSwitchPort + index)) +
         ",remote=" + Address(is_ipv6, static_cast<uint16_t>(kPeerPort + index));
}

UdpPeer Peer(int number, bool is_ipv6 = false) {
  const auto index = static_cast<uint16_t>(number - 1);
  return {is_ipv6, static_cast<uint16_t>(kPeerPort + index),
          static_cast<uint16_t>(kSwitchPort + index)};
}

class UdpPortTest : public SwitchTest {
 protected:
  void Start(std::vector<std::string> arguments) {
    sandbox_.emplace(NetnsSandbox::Ipv6::kOn);
    arguments.insert(arguments.begin(), "--io=" + io());
    switch_.emplace(arguments);
    ASSERT_TRUE(switch_->WaitUntilReady()) << switch_->log();
  }
  static json Counters(const std::string& port) {
    return ControlClient().Call("port.list", {{"name", port}}).at(0);
  }

  std::optional<NetnsSandbox> sandbox_;
  std::optional<SwitchProcess> switch_;
};
INSTANTIATE_TEST_SUITE_P(Io, UdpPortTest, kEachIo, IoName);

TEST_P(UdpPortTest, PeersOfIpv4AndIpv6TalkToEachOther) {
  Start({PortText(1), PortText(2, true)});
  const UdpPeer one = Peer(1);
  const UdpPeer two = Peer(2, true);
  ASSERT_TRUE(one.Send(Frame(0, 1, "who is there")));
  EXPECT_EQ(two.Receive(), Frame(0, 1, "who is there"));
  for (const size_t size : {14U, 60U, 1514U}) {
    ASSERT_TRUE(two.Send(Frame(1, 2, "", size)));
    EXPECT_EQ(one.Receive(), Frame(1, 2, "", size)) << "datagrams are not padded";
  }
  EXPECT_EQ(Counters("u1")["link"], "up");
}

// The network between is of 1500 bytes, and the datagram is sent in fragments.
TEST_P(UdpPortTest, AFullFramePassesANetworkOfTheSameMtu) {
  Start({PortText(1), PortText(2)});
  sandbox_->Run("ip link set lo mtu 1500");
  const UdpPeer one = Peer(1);
  const UdpPeer two = Peer(2);
  // Several at a time, which cannot leave as a run here.
  constexpr int kFrames = 20;
  for (int i = 0; i < kFrames; ++i) ASSERT_TRUE(one.Send(Frame(0, 1, "full", 1514)));
  for (int i = 0; i < kFrames; ++i) EXPECT_EQ(two.Receive(), Frame(0, 1, "full", 1514));
}

TEST_P(UdpPortTest, OnlyTheRemoteIsHeard) {
  Start({PortText(1), PortText(2)});
  const UdpPeer two = Peer(2);
  const UdpPeer stranger(false, kPeerPort + 100, kSwitchPort);
  static_cast<void>(stranger.Send(Frame(0, 9, "stranger")));
  const UdpPeer one = Peer(1);
  ASSERT_TRUE(one.Send(Frame(0, 1, "known")));
  EXPECT_EQ(two.Receive(), Frame(0, 1, "known"));
  EXPECT_EQ(Counters("u1")["stats64"]["rx"]["packets"], 1);
}

// Without a listener the kernel reports an error now and then; the next peer is served even so.
TEST_P(UdpPortTest, APeerThatComesLateOrAgainIsServed) {
  Start({PortText(1), PortText(2)});
  const UdpPeer one = Peer(1);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(one.Send(Frame(0, 1, "into the void")));
    const UdpPeer two = Peer(2);
    ASSERT_TRUE(two.Send(Frame(0, 2, "here")));
    std::optional<Bytes> heard = one.Receive();
    EXPECT_EQ(heard, Frame(0, 2, "here"));
    ASSERT_TRUE(one.Send(Frame(2, 1, "welcome")));
    do {
      heard = two.Receive();
    } while (heard && heard != Frame(2, 1, "welcome"));
    EXPECT_TRUE(heard);
  }
}

// The socket loses what does not fit while the switch is stopped, and what was lost is counted.
TEST_P(UdpPortTest, FramesThatFoundTheQueueFullAreCounted) {
  Start({PortText(1), PortText(2)});
  const UdpPeer one = Peer(1);
  constexpr uint64_t kFrames = 40'000;
  kill(switch_->pid(), SIGSTOP);
  uint64_t sent = 0;
  for (uint64_t i = 0; i < kFrames; ++i) sent += one.Send(Frame(0, 1, "flood")) ? 1 : 0;
  kill(switch_->pid(), SIGCONT);
  EXPECT_TRUE(WaitUntil([&] { return Counters("u1")["stats64"]["rx"]["packets"] == sent; }))
      << Counters("u1").dump(1);
  EXPECT_GT(Counters("u1")["drops"]["receive_queue_full"], 0);
}

TEST_P(UdpPortTest, WhatCannotBeOpenedIsRefusedWithTheCure) {
  Start({PortText(1)});
  ControlClient client;
  EXPECT_THAT(client.Refused("port.add", {{"port",
                                           "udp:u2,local=127.0.0.1:30000,"
                                           "remote=127.0.0.1:20001"}}),
              AllOf(HasSubstr("'u2'"), HasSubstr("a port that is free")));
  EXPECT_THAT(client.Refused("port.add", {{"port",
                                           "udp:u2,local=192.0.2.9:30000,"
                                           "remote=127.0.0.1:20001"}}),
              HasSubstr("an address of this machine"));
  client.Call("port.del", {{"name", "u1"}});
  client.Call("port.add", {{"port", PortText(1)}});
}

TEST_P(UdpPortTest, ANewProcessTakesTheSocketOver) {
  Start({PortText(1), PortText(2)});
  const UdpPeer one = Peer(1);
  const UdpPeer two = Peer(2);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(one.Send(Frame(0, 1, "before")));
    ASSERT_EQ(two.Receive(), Frame(0, 1, "before"));
    Upgrade(*switch_);
    ASSERT_TRUE(one.Send(Frame(0, 1, "after")));
    ASSERT_EQ(two.Receive(), Frame(0, 1, "after"));
  }
}

// Debian's vpcs: machines that ping, each on a UDP port of its own.
TEST_P(UdpPortTest, MachinesOfVpcsPingEachOther) {
  Start({PortText(1), PortText(2)});
  if (sandbox_->TryRun("command -v vpcs").status != 0) GTEST_SKIP() << "needs vpcs";
  const TemporaryDirectory directory;
  const std::string script = directory.Path("script.vpc");
  sandbox_->Run(R"(printf '1\nip 10.9.0.1/24\n2\nip 10.9.0.2/24\nping 10.9.0.1 -c 3\nquit\n' > )" +
                script);
  const std::string said =
      sandbox_->Run("script -qec 'timeout 60 vpcs -i 2 -s 20000 -c 30000 -t 127.0.0.1 " + script +
                    "' /dev/null < /dev/null 2>&1 || true");  // it wants a terminal
  EXPECT_THAT(said, HasSubstr("10.9.0.1 icmp_seq=3"));
}

}  // namespace
}  // namespace tapswitch::udp_port_test
