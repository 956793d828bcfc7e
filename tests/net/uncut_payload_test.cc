// What stations leave uncut arrives, every byte and every datagram of it, between TAPs and ends of
// veth pairs in both directions, with VLAN tags and without: on each kernel, whatever its packet
// sockets can hand over. No datagram is sent twice here.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/payload_transfer.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"

namespace tapswitch::uncut_payload_test {
namespace {

using testing::HasSubstr;

constexpr uint16_t kPort = 4000;
constexpr int kPatienceMilliseconds = 30'000;

struct PathCase {
  std::string name;
  std::vector<std::string> ports;  // of the two hosts, as of TestNetwork
  bool tagged = false;             // they talk by an 802.1Q device
  int mtu = 1500;
  std::string gro = "auto";
  int workers = 1;

  friend void PrintTo(const PathCase& path, std::ostream* out) { *out << path.name; }
};

const std::array<PathCase, 8> kCases{{
    {.name = "tap_and_veth", .ports = {"", "netdev"}},
    {.name = "tap_and_veth_vlan", .ports = {"", "netdev"}, .tagged = true},
    {.name = "tap_and_veth_jumbo", .ports = {"mtu=9000", "netdev"}, .mtu = 9000},
    {.name = "tap_and_veth_gro_off_2_workers", .ports = {"", "netdev"}, .gro = "off", .workers = 2},
    {.name = "veths", .ports = {"netdev", "netdev"}},
    {.name = "veths_vlan", .ports = {"netdev", "netdev"}, .tagged = true},
    {.name = "veths_jumbo_gro_off", .ports = {"netdev", "netdev"}, .mtu = 9000, .gro = "off"},
    {.name = "tap_and_tap_vlan", .ports = {"", ""}, .tagged = true},
}};

// Bursts of datagrams from one host to another, each with its number.
class NumberedDatagrams {
 public:
  NumberedDatagrams(const TestHost& from, const TestHost& to, IpVersion version, size_t size)
      : sender_(from.OpenSocket(AF_INET6, SOCK_DGRAM)),
        receiver_(to.OpenSocket(AF_INET6, SOCK_DGRAM)),
        size_(size) {
    sockaddr_in6 address{.sin6_family = AF_INET6, .sin6_port = htons(kPort)};
    EXPECT_EQ(bind(receiver_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    const std::string text = to.address(version);
    EXPECT_EQ(inet_pton(AF_INET6, (version == IpVersion::kV4 ? "::ffff:" + text : text).c_str(),
                        &address.sin6_addr),
              1);
    EXPECT_EQ(connect(sender_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    constexpr int kRoom = 16 << 20;
    setsockopt(sender_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kRoom, sizeof(kRoom));
    setsockopt(receiver_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kRoom, sizeof(kRoom));
  }

  // Each send() is cut into datagrams from now on, by whoever can.
  void LeaveUncut() {
    const int segment = static_cast<int>(size_);
    ASSERT_EQ(setsockopt(sender_.get(), SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0)
        << strerror(errno);
  }

  // The next datagrams, in one call.
  void Send(uint32_t count) {
    std::string payload;
    for (uint32_t i = 0; i < count; ++i) payload += Datagram(sent_++);
    ASSERT_EQ(send(sender_.get(), payload.data(), payload.size(), 0),
              static_cast<ssize_t>(payload.size()))
        << strerror(errno);
  }

  // All that were sent arrive, once and in order.
  void ExpectAll() {
    for (; received_ < sent_; ++received_) {
      ASSERT_EQ(Receive(), Datagram(received_)) << "datagram " << received_ << " of " << sent_;
    }
  }

  void ExpectNoMore() const { EXPECT_EQ(poll(Readable().data(), 1, 50), 0); }

 private:
  [[nodiscard]] std::string Datagram(uint32_t number) const {
    std::string datagram = std::to_string(number);
    datagram.resize(size_, static_cast<char>('a' + number % 26));
    return datagram;
  }

  [[nodiscard]] std::array<pollfd, 1> Readable() const {
    return {{{.fd = receiver_.get(), .events = POLLIN, .revents = 0}}};
  }

  [[nodiscard]] std::string Receive() const {
    auto readable = Readable();
    if (poll(readable.data(), 1, kPatienceMilliseconds) != 1) return "(nothing)";
    std::string datagram(65536, '\0');
    const ssize_t size = recv(receiver_.get(), datagram.data(), datagram.size(), 0);
    datagram.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return datagram;
  }

  FileDescriptor sender_;
  FileDescriptor receiver_;
  size_t size_;
  uint32_t sent_ = 0;
  uint32_t received_ = 0;
};

// Has the calling thread send by one processor. What passes a veth pair is queued with the processor
// that sent it; before Linux 6.5 that may leave it to ksoftirqd, which takes milliseconds on a busy
// machine, and what is sent from another one meanwhile overtakes it.
class SendsByOneProcessor {
 public:
  SendsByOneProcessor() {
    EXPECT_EQ(sched_getaffinity(0, sizeof(before_), &before_), 0);
    int first = 0;
    while (!CPU_ISSET(first, &before_)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    EXPECT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  }
  ~SendsByOneProcessor() { sched_setaffinity(0, sizeof(before_), &before_); }
  SendsByOneProcessor(const SendsByOneProcessor&) = delete;
  SendsByOneProcessor& operator=(const SendsByOneProcessor&) = delete;

 private:
  cpu_set_t before_{};
};

class UncutPayloadTest : public SwitchCaseTest<PathCase> {
 protected:
  void SetUp() override {
    SwitchCaseTest::SetUp();
    if (IsSkipped()) return;
    network_.emplace(TestNetwork::Options{
        .io = io(),
        .ports = test_case().ports,
        .flags = {"--gro=" + test_case().gro, "--workers=" + std::to_string(test_case().workers)}});
    if (test_case().tagged &&
        network_->host(1).TryRun("ip link add probe link eth0 type vlan id 1").status != 0) {
      GTEST_SKIP() << "this kernel has no 802.1Q devices";
    }
    for (int number = 1; number <= network_->size(); ++number) Prepare(number);
    for (const auto& [from, to] : kWays) {
      for (const IpVersion version : kVersions) {
        network_->host(from).Run("ping -c 1 -W 20 " + network_->host(to).address(version));
      }
    }
  }

  // Gives the link its MTU, and the addresses to a VLAN device on it.
  void Prepare(int number) {
    const TestHost& host = network_->host(number);
    const std::string mtu = std::to_string(test_case().mtu);
    if (test_case().ports.at(static_cast<size_t>(number) - 1) == "netdev") {
      network_->sandbox().Run("ip link set " + host.port() + " mtu " + mtu);
    }
    host.Run("ip link set eth0 mtu " + mtu);
    if (!test_case().tagged) return;
    network_->sandbox().Run(
        "ip -n " + host.name() + " -batch - <<END\n" + "address flush dev eth0\n" +
        "link add link eth0 name eth0.7 type vlan id 7\n" + "address add " +
        host.address(IpVersion::kV4) + "/24 dev eth0.7\n" + "address add " +
        host.address(IpVersion::kV6) + "/64 dev eth0.7 nodad\n" + "link set eth0.7 up\nEND");
  }

  void TearDown() override {
    if (!network_ || IsSkipped()) return;
    ControlClient client;
    for (const auto& port : client.Call("port.list")) {
      for (const char* reason : {"unsupported_offload", "bad_offload_header", "too_long",
                                 "queue_full", "receive_queue_full", "truncated"}) {
        EXPECT_EQ(port.at("drops").at(reason), 0) << port.at("ifname") << ": " << reason;
      }
    }
  }

  template <typename Function>
  void EachWayAndVersion(Function function) const {
    for (const auto& [from, to] : kWays) {
      for (const IpVersion version : kVersions) {
        SCOPED_TRACE(testing::Message()
                     << "from " << from << " to " << network_->host(to).address(version));
        function(network_->host(from), network_->host(to), version);
        if (HasFailure()) return;
      }
    }
  }

  // While it is held, frames wait in front of the switch; then they come to it together.
  void Hold() { kill(network_->tapswitchd().pid(), SIGSTOP); }
  void Release() { kill(network_->tapswitchd().pid(), SIGCONT); }

  static constexpr std::array kWays{std::pair(1, 2), std::pair(2, 1)};
  static constexpr std::array kVersions{IpVersion::kV4, IpVersion::kV6};
  std::optional<TestNetwork> network_;
};

INSTANTIATE_TEST_SUITE_P(All, UncutPayloadTest,
                         testing::Combine(kEachIo, testing::ValuesIn(kCases)),
                         IoAndCaseName<PathCase>);

TEST_P(UncutPayloadTest, OfTcpAndUdpArrives) {
  ASSERT_FALSE(HasFailure());
  EachWayAndVersion([](const TestHost& from, const TestHost& to, IpVersion version) {
    ExpectTcpCarries(from, to, version, size_t{2} << 20U);
  });

  const SendsByOneProcessor keep_order;
  // Bursts that the sender's stack leaves to be cut. The next begins when the last has arrived.
  constexpr size_t kOddSize = 103;
  EachWayAndVersion([](const TestHost& from, const TestHost& to, IpVersion version) {
    for (const size_t size : {kOddSize, size_t{1300}}) {
      NumberedDatagrams datagrams(from, to, version, size);
      datagrams.LeaveUncut();
      for (uint32_t burst = 0; burst < 10; ++burst) {
        for (const uint32_t segments : {2U, 7U, 1U, 45U}) datagrams.Send(segments);
        datagrams.ExpectAll();
        if (HasFailure()) return;
      }
      datagrams.ExpectNoMore();
    }
  });

  // Datagrams that the switch finds together and may join (--gro), for a port that may not take
  // them so.
  EachWayAndVersion([this](const TestHost& from, const TestHost& to, IpVersion version) {
    NumberedDatagrams datagrams(from, to, version, kOddSize);
    for (int burst = 0; burst < 3; ++burst) {
      Hold();
      for (int i = 0; i < 150; ++i) datagrams.Send(1);
      Release();
      datagrams.ExpectAll();
      if (HasFailure()) return;
    }
    datagrams.ExpectNoMore();
  });
}

}  // namespace
}  // namespace tapswitch::uncut_payload_test
