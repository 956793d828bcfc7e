// An error of a socket says nothing of what was received. Before, a port that met another error than
// "nobody listens", such as a router's "prohibited", let the datagrams behind it lie until the next
// one came.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "ports/os/file_descriptor.h"
#include "ports/socket/dgram_port.h"
#include "tests/support/fake_ring.h"
#include "tests/support/frame_builder.h"

namespace tapswitch::datagram_errors_test {
namespace {

using Bytes = std::vector<std::byte>;

uint16_t InternetChecksum(std::span<const std::byte> bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    uint16_t word = 0;
    std::memcpy(&word, &bytes[i], sizeof(word));
    sum += word;
  }
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16U);
  return static_cast<uint16_t>(~sum);
}

// A UDP socket on 127.0.0.1.
class Socket {
 public:
  Socket() : file_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address_);
    EXPECT_EQ(bind(fd(), Generic(address_), size), 0);
    EXPECT_EQ(getsockname(fd(), reinterpret_cast<sockaddr*>(&address_), &size), 0);
  }
  void ConnectTo(const Socket& other) const {
    EXPECT_EQ(connect(fd(), Generic(other.address_), sizeof(other.address_)), 0);
  }
  [[nodiscard]] int fd() const { return file_.get(); }
  [[nodiscard]] in_port_t port() const { return address_.sin_port; }
  [[nodiscard]] FileDescriptor Take() { return std::move(file_); }
  static const sockaddr* Generic(const sockaddr_in& address) {
    return reinterpret_cast<const sockaddr*>(&address);
  }

 private:
  FileDescriptor file_;
  sockaddr_in address_{};
};

// What a router says of a datagram from one port to another.
struct Unreachable {
  icmphdr icmp{};
  iphdr ip{};
  udphdr udp{};
};

bool Tell(uint8_t code, in_port_t from, in_port_t to) {
  const FileDescriptor raw(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
  if (!raw.valid()) return false;
  Unreachable packet;
  packet.icmp.type = ICMP_DEST_UNREACH;
  packet.icmp.code = code;
  packet.ip.version = 4;
  packet.ip.ihl = 5;
  packet.ip.tot_len = htons(sizeof(iphdr) + sizeof(udphdr));
  packet.ip.ttl = 64;
  packet.ip.protocol = IPPROTO_UDP;
  packet.ip.saddr = htonl(INADDR_LOOPBACK);
  packet.ip.daddr = htonl(INADDR_LOOPBACK);
  packet.udp.source = from;
  packet.udp.dest = to;
  packet.icmp.checksum = InternetChecksum(std::as_bytes(std::span(&packet, 1)));
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return sendto(raw.get(), &packet, sizeof(packet), 0, Socket::Generic(here), sizeof(here)) ==
         static_cast<ssize_t>(sizeof(packet));
}

class DatagramErrorsTest : public testing::Test {
 protected:
  void SetUp() override {
    const FileDescriptor raw(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
    if (!raw.valid()) GTEST_SKIP() << "needs raw sockets";
    ours_.ConnectTo(peer_);
    peer_.ConnectTo(ours_);
    fd_ = ours_.fd();
    port_ = std::make_unique<DgramPort>(
        PortIdentity{.id = PortId{3}, .generation = 7, .name = "u", .counters = &counters_},
        ours_.Take(), 1500);
    ASSERT_TRUE(port_->Start(ring_).ok());
  }
  void TearDown() override {
    if (!port_) return;
    port_->BeginClose();
    port_->Detach();
  }

  void SendFrame() const {
    const Bytes frame =
        FrameBuilder(MacAddress::FromNumber(0x02000000000A), MacAddress::FromNumber(0x02000000000B))
            .Type(EtherType::kIpv4)
            .Pad(60)
            .Build();
    ASSERT_EQ(send(peer_.fd(), frame.data(), frame.size(), 0), 60);
  }
  // As a worker does once the socket was reported readable.
  size_t ReceiveAll() {
    size_t count = 0;
    for (bool more = true; more;) {
      FrameBatch batch;
      more = port_->Receive(batch);
      count += batch.frames().size();
    }
    return count;
  }

  Socket ours_;
  Socket peer_;
  int fd_ = -1;
  FakeRing ring_;
  PortCounters counters_;
  std::unique_ptr<DgramPort> port_;
};

TEST_F(DatagramErrorsTest, WhatLiesBehindAnyErrorIsRead) {
  for (uint8_t code = 0; code <= NR_ICMP_UNREACH; ++code) {
    if (code == ICMP_FRAG_NEEDED) continue;  // it has more fields
    SendFrame();
    ASSERT_TRUE(Tell(code, ours_.port(), peer_.port()));
    EXPECT_EQ(ReceiveAll(), 1U) << "code " << int{code};
  }
}

TEST_F(DatagramErrorsTest, ErrorsWithoutEndKeepNoWorkerBusy) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(Tell(ICMP_PKT_FILTERED, ours_.port(), peer_.port()));
    FrameBatch batch;
    if (port_->Receive(batch)) continue;
    // It waits for Retry, and then is read once more.
    EXPECT_TRUE(port_->wants_retry());
    port_->Retry();
    SendFrame();
    EXPECT_EQ(ReceiveAll(), 1U);
    EXPECT_FALSE(port_->wants_retry());
    return;
  }
  FAIL() << "it goes on and on";
}

}  // namespace
}  // namespace tapswitch::datagram_errors_test
