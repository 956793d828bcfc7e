// Frames of a flow that come together leave as one, and what the applications get is the same.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/control_client.h"
#include "tests/support/switch_test.h"
#include "tests/support/test_network.h"

namespace tapswitch::gro_test {
namespace {

constexpr int kPatienceMilliseconds = 30'000;

struct GroCase {
  std::string name;
  std::string to;  // options of the receiver's port
  bool joins = false;

  friend void PrintTo(const GroCase& gro, std::ostream* out) { *out << gro.name; }
};

const std::array<GroCase, 4> kCases{{
    {.name = "auto", .joins = true},
    {.name = "off"},
    {.name = "off_for_the_port"},
    {.name = "auto_to_a_port_without_offloads", .to = "offload=off"},
}};

// A socket on a port of its own; datagrams go to the receiver's.
sockaddr_in6 AnyAddress(uint16_t port) {
  return {.sin6_family = AF_INET6, .sin6_port = htons(port)};
}

class GroTest : public SwitchCaseTest<GroCase> {
 protected:
  static constexpr uint16_t kPort = 4000;

  void SetUp() override {
    SwitchCaseTest::SetUp();
    if (IsSkipped()) return;
    network_.emplace(TestNetwork::Options{
        .io = io(),
        .ports = {"", test_case().to},
        // One worker, so that order is kept between flows, too.
        .flags = {"--workers=1",
                  std::string("--gro=") + (test_case().name == "off" ? "off" : "auto")}});
    if (test_case().name == "off_for_the_port") {
      ControlClient().Call("link.set", {{"dev", "vnet2"}, {"gro", false}});
    }
    receiver_ = network_->host(2).OpenSocket(AF_INET6, SOCK_DGRAM);
    constexpr int kRoom = 4 << 20;
    setsockopt(receiver_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kRoom, sizeof(kRoom));
    const sockaddr_in6 address = AnyAddress(kPort);
    ASSERT_EQ(bind(receiver_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
  }

  // Connected to the receiver, over either version of IP.
  [[nodiscard]] FileDescriptor OpenSender(IpVersion version) const {
    FileDescriptor sender = network_->host(1).OpenSocket(AF_INET6, SOCK_DGRAM);
    const std::string address = network_->host(2).address(version);
    const std::string text = version == IpVersion::kV4 ? "::ffff:" + address : address;
    sockaddr_in6 to = AnyAddress(kPort);
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &to.sin6_addr), 1);
    EXPECT_EQ(connect(sender.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    return sender;
  }

  static void Send(const FileDescriptor& sender, const std::string& datagram) {
    ASSERT_EQ(send(sender.get(), datagram.data(), datagram.size(), 0),
              static_cast<ssize_t>(datagram.size()))
        << strerror(errno);
  }

  // The next that arrives.
  [[nodiscard]] std::string Receive() const {
    pollfd ready{.fd = receiver_.get(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, kPatienceMilliseconds) != 1) return "(nothing)";
    std::string datagram(65536, '\0');
    const ssize_t size = recv(receiver_.get(), datagram.data(), datagram.size(), 0);
    datagram.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return datagram;
  }

  // While it is held, frames wait in front of the switch; then they come to it together.
  void Hold() { kill(network_->tapswitchd().pid(), SIGSTOP); }
  void Release() { kill(network_->tapswitchd().pid(), SIGCONT); }

  // Frames that left for the receiver as part of a larger one.
  static uint64_t CountJoined() {
    ControlClient client;
    const auto port = client.Call("port.list", {{"name", "vnet2"}}).at(0);
    return port.at("gro").at("frames").get<uint64_t>();
  }

  std::optional<TestNetwork> network_;
  FileDescriptor receiver_;
};

INSTANTIATE_TEST_SUITE_P(All, GroTest, testing::Combine(kEachIo, testing::ValuesIn(kCases)),
                         IoAndCaseName<GroCase>);

TEST_P(GroTest, DatagramsArriveOneByOneUnchangedAndInOrderAlsoBetweenFlows) {
  constexpr int kDatagrams = 200;
  for (const IpVersion version : {IpVersion::kV4, IpVersion::kV6}) {
    for (const size_t size : {size_t{18}, size_t{1000}}) {
      SCOPED_TRACE(testing::Message()
                   << size << " bytes to " << network_->host(2).address(version));
      const std::array<FileDescriptor, 2> flows{OpenSender(version), OpenSender(version)};
      for (const FileDescriptor& flow : flows) {
        Send(flow, "neighbours find each other");
        ASSERT_EQ(Receive(), "neighbours find each other");
      }
      const uint64_t joined_before = CountJoined();
      std::vector<std::string> sent;
      Hold();
      for (int i = 0; i < kDatagrams; ++i) {
        std::string datagram = "datagram " + std::to_string(i);
        datagram.resize(size - (i % 50 == 49 ? 1 : 0), '.');
        Send(flows.at(static_cast<size_t>(i / 20 % 2)), datagram);
        sent.push_back(datagram);
      }
      Release();
      for (const std::string& datagram : sent) ASSERT_EQ(Receive(), datagram);
      if (test_case().joins) {
        EXPECT_GE(CountJoined() - joined_before, kDatagrams / 2);
      } else {
        EXPECT_EQ(CountJoined() - joined_before, 0U);
      }
    }
  }
}

}  // namespace
}  // namespace tapswitch::gro_test
