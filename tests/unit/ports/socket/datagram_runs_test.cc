// Which frames leave as one message, and that each arrives as a datagram, in order.

#include "ports/socket/datagram_runs.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "ports/socket/dgram_port.h"
#include "tests/support/fake_ring.h"
#include "tests/support/frame_builder.h"
#include "tests/support/socket_peer.h"

namespace tapswitch::datagram_runs_test {
namespace {

using testing::ElementsAreArray;

using Bytes = std::vector<std::byte>;

std::vector<WireFrame> FramesOf(const std::vector<size_t>& sizes) {
  std::vector<WireFrame> frames;
  for (const size_t size : sizes) frames.push_back({.pieces = {}, .size = size});
  return frames;
}

FileDescriptor OpenUdp() {
  FileDescriptor fd(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw std::runtime_error("bind");
  }
  return fd;
}

void Connect(const FileDescriptor& from, const FileDescriptor& to) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  if (getsockname(to.get(), name, &size) != 0 || connect(from.get(), name, size) != 0) {
    throw std::runtime_error("connect");
  }
}

DatagramRuns RunsOf(const FileDescriptor& socket) {
  DatagramRuns runs;
  runs.Begin(socket.get());
  return runs;
}

TEST(DatagramRunsTest, EqualFramesAndAShorterOneAreARun) {
  const DatagramRuns runs = RunsOf(OpenUdp());
  EXPECT_EQ(runs.Length(FramesOf({100})), 1U);
  EXPECT_EQ(runs.Length(FramesOf({100, 100, 100})), 3U);
  EXPECT_EQ(runs.Length(FramesOf({100, 100, 60, 60})), 3U);
  EXPECT_EQ(runs.Length(FramesOf({100, 60, 60})), 2U);
  EXPECT_EQ(runs.Length(FramesOf({60, 100, 100})), 1U);
  EXPECT_EQ(runs.Length(FramesOf({100, 0, 100})), 1U);
}

TEST(DatagramRunsTest, RunsEndAtTheLimitsOfTheKernel) {
  const DatagramRuns runs = RunsOf(OpenUdp());
  EXPECT_EQ(runs.Length(FramesOf(std::vector<size_t>(200, 60))), DatagramRuns::kMaxFrames);
  EXPECT_EQ(runs.Length(FramesOf(std::vector<size_t>(200, 1514))), 42U);
  EXPECT_EQ(runs.Length(FramesOf({40'000, 40'000})), 1U);
  EXPECT_EQ(runs.Length(FramesOf({65'001, 65'001})), 1U);
}

TEST(DatagramRunsTest, SizesThatWereRefusedAreSentOneByOne) {
  DatagramRuns runs = RunsOf(OpenUdp());
  EXPECT_TRUE(runs.Refused(1514, EINVAL));
  EXPECT_EQ(runs.Length(FramesOf({1514, 1514})), 1U);
  EXPECT_EQ(runs.Length(FramesOf({1400, 1400})), 2U);
  EXPECT_FALSE(runs.Refused(1400, ECONNREFUSED));
  EXPECT_EQ(runs.Length(FramesOf({1400, 1400})), 2U);
  EXPECT_TRUE(runs.Refused(1400, EIO));
  EXPECT_EQ(runs.Length(FramesOf({60, 60})), 1U);
}

TEST(DatagramRunsTest, OtherSocketsHaveNone) {
  std::array<int, 2> pair{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  const FileDescriptor near(pair[0]);
  const FileDescriptor far(pair[1]);
  EXPECT_EQ(RunsOf(near).Length(FramesOf({100, 100})), 1U);
}

// A port on a UDP socket, and its peer.
class UdpRunsTest : public testing::Test {
 protected:
  void SetUp() override {
    FileDescriptor near = OpenUdp();
    Connect(near, far_);
    Connect(far_, near);
    port_.emplace(PortIdentity{.id = PortId{3}, .name = "u", .counters = &counters_},
                  std::move(near), 1500);
    ASSERT_TRUE(port_->Start(ring_).ok());
  }
  void TearDown() override {
    port_->BeginClose();
    port_->Detach();
  }

  // Sends frames of these sizes, each with bytes of its own, in one call.
  void Send(const std::vector<size_t>& sizes) {
    std::deque<Bytes> wires;
    std::deque<std::array<Piece, 2>> pieces;
    std::vector<WireFrame> frames;
    for (const size_t size : sizes) {
      Bytes& wire = wires.emplace_back(kVirtioNetHeaderSize + size, std::byte(sent_.size()));
      sent_.emplace_back(wire.begin() + kVirtioNetHeaderSize, wire.end());
      pieces.push_back({{{wire.data(), 20}, {wire.data() + 20, wire.size() - 20}}});
      frames.push_back({.pieces = pieces.back(), .size = size});
    }
    port_->Send(frames);
  }
  [[nodiscard]] std::optional<Bytes> Receive() const {
    Bytes frame(65536);
    const ssize_t size = recv(far_.get(), frame.data(), frame.size(), MSG_DONTWAIT);
    if (size < 0) return std::nullopt;
    frame.resize(static_cast<size_t>(size));
    return frame;
  }
  [[nodiscard]] std::vector<Bytes> ReceiveAll() const {
    std::vector<Bytes> all;
    while (auto frame = Receive()) all.push_back(*std::move(frame));
    return all;
  }

  FileDescriptor far_ = OpenUdp();
  PortCounters counters_;
  FakeRing ring_;
  std::optional<DgramPort> port_;
  std::vector<Bytes> sent_;
};

TEST_F(UdpRunsTest, EachFrameArrivesAsADatagramInOrder) {
  std::vector<size_t> sizes{60, 1514, 1514, 1514, 900, 60, 60, 14, 14, 15};
  sizes.insert(sizes.end(), 70, 100);
  Send(sizes);
  EXPECT_THAT(ReceiveAll(), ElementsAreArray(sent_));
  EXPECT_EQ(counters_.sent.frames, sizes.size());
}

TEST_F(UdpRunsTest, ARunIsOneMessage) {
  const int on = 1;
  ASSERT_EQ(setsockopt(far_.get(), IPPROTO_UDP, UDP_GRO, &on, sizeof(on)), 0);
  Send({1000, 1000, 1000, 400});
  const auto received = Receive();
  ASSERT_TRUE(received);
  EXPECT_EQ(received->size(), 3400U);
  EXPECT_FALSE(Receive());
}

TEST_F(UdpRunsTest, FramesToNobodyAreAllCounted) {
  far_ = FileDescriptor();
  for (int i = 0; i < 10; ++i) Send({100, 100, 100});
  EXPECT_GT(counters_.dropped(DropReason::kLinkDown), 0U);
  EXPECT_EQ(counters_.sent.frames + counters_.dropped(DropReason::kLinkDown), 30U);
}

}  // namespace
}  // namespace tapswitch::datagram_runs_test
