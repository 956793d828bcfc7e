// A datagram port on real sockets, and a ring that only tells when a test wants it to.

#include "ports/socket/dgram_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fake_ring.h"
#include "tests/support/frame_builder.h"
#include "tests/support/socket_peer.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::dgram_port_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Bytes = std::vector<std::byte>;

constexpr MacAddress kAlice = MacAddress::FromNumber(0x02000000000A);
constexpr MacAddress kBob = MacAddress::FromNumber(0x02000000000B);

Bytes FrameOf(size_t size) {
  return FrameBuilder(kBob, kAlice).Type(EtherType::kIpv4).Pad(size).Build();
}

class DgramPortTest : public testing::Test {
 protected:
  void Open(const std::string& remote) {
    auto socket = UnixListener::Bind({.what = "port 'vm1'", .path = path_, .type = SOCK_DGRAM});
    ASSERT_TRUE(socket.ok()) << socket.status();
    port_ = std::make_unique<DgramPort>(identity(), *std::move(socket), remote, 1500);
    ASSERT_TRUE(port_->Start(ring_).ok());
  }
  void OpenPair() {
    std::array<int, 2> pair{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    far_ = FileDescriptor(pair[1]);
    port_ = std::make_unique<DgramPort>(identity(), FileDescriptor(pair[0]), 1500);
    ASSERT_TRUE(port_->Start(ring_).ok());
  }
  PortIdentity identity() {
    return {.id = PortId{3}, .generation = 7, .name = "vm1", .counters = &counters_};
  }

  void TearDown() override {
    if (!port_) return;
    port_->BeginClose();
    EXPECT_TRUE(port_->closed());
    port_->Detach();
    EXPECT_THAT(ring_.watched(), IsEmpty());
  }

  std::vector<Bytes> Turns() {
    std::vector<Bytes> frames;
    ring_.BecomeReadable(ring_.watched().at(0).fd);
    for (bool more = true; more;) {
      static_cast<void>(ring_.SubmitAndWait(std::chrono::nanoseconds(0)));
      FrameBatch batch;
      port_->OnCompletions(ring_.Reap(), batch);
      more = port_->Receive(batch);
      for (const Frame& frame : batch.frames()) {
        for (const std::byte byte : std::span(frame.wire.data, kVirtioNetHeaderSize)) {
          EXPECT_EQ(byte, std::byte{0});
        }
        frames.emplace_back(frame.bytes().begin(), frame.bytes().end());
      }
    }
    return frames;
  }

  void Send(const std::vector<Bytes>& frames) {
    for (const Bytes& frame : frames) {
      Bytes wire(kVirtioNetHeaderSize);
      wire.insert(wire.end(), frame.begin(), frame.end());
      const std::array<Piece, 2> pieces{{{wire.data(), 20}, {wire.data() + 20, wire.size() - 20}}};
      const WireFrame one{.pieces = pieces, .size = frame.size()};
      port_->Send({&one, 1});
    }
  }

  void BecomeWritable() {
    for (const FakeRing::Watched& one : ring_.watched()) ring_.BecomeWritable(one.fd);
  }

  [[nodiscard]] uint64_t dropped(DropReason reason) const { return counters_.dropped(reason); }

  TemporaryDirectory directory_;
  std::string path_ = directory_.Path("port.sock");
  std::string peer_path_ = directory_.Path("qemu.sock");
  FakeRing ring_;
  PortCounters counters_;
  FileDescriptor far_;
  std::unique_ptr<DgramPort> port_;
};

TEST_F(DgramPortTest, CarriesFramesBothWays) {
  Open(peer_path_);
  const DgramPeer peer(peer_path_);
  EXPECT_TRUE(port_->status().link_up);
  for (const size_t size : {14U, 60U, 1514U, 65553U}) {
    peer.SendTo(path_, FrameOf(size));
    EXPECT_THAT(Turns(), ElementsAre(FrameOf(size)));
    Send({FrameOf(size)});
    EXPECT_EQ(peer.Receive(), FrameOf(size));
  }
  EXPECT_EQ(counters_.received, counters_.sent);
}

TEST_F(DgramPortTest, BringsNoMoreFramesIntoATurnThanItIsAllowed) {
  Open(peer_path_);
  const DgramPeer peer(peer_path_);
  port_->LimitReceiving(2);
  for (const size_t size : {60U, 61U, 62U}) peer.SendTo(path_, FrameOf(size));
  FrameBatch batch;
  EXPECT_TRUE(port_->Receive(batch)) << "there is more";
  EXPECT_EQ(batch.frames().size(), 2U);
  batch.clear();
  EXPECT_FALSE(port_->Receive(batch));
  EXPECT_EQ(batch.frames().size(), 1U);
}

TEST_F(DgramPortTest, LearnsWhereToSendFromWhoSentLast) {
  Open("");
  EXPECT_FALSE(port_->status().link_up);
  EXPECT_EQ(port_->status().reason, "nobody has sent anything to " + path_ + " yet");
  const DgramPeer first(peer_path_);
  first.SendTo(path_, FrameOf(60));
  Turns();
  EXPECT_TRUE(port_->status().link_up);
  Send({FrameOf(61)});
  EXPECT_EQ(first.Receive(), FrameOf(61));

  const DgramPeer second(directory_.Path("other.sock"));
  second.SendTo(path_, FrameOf(60));
  Turns();
  Send({FrameOf(62)});
  EXPECT_EQ(second.Receive(), FrameOf(62));
}

TEST_F(DgramPortTest, WorksOnASocketPair) {
  OpenPair();
  ASSERT_EQ(send(far_.get(), FrameOf(60).data(), 60, 0), 60);
  EXPECT_THAT(Turns(), ElementsAre(FrameOf(60)));
  Send({FrameOf(61)});
  Bytes frame(100);
  ASSERT_EQ(recv(far_.get(), frame.data(), frame.size(), 0), 61);
}

TEST_F(DgramPortTest, DropsAndCountsRuntsAndWhatIsTooLong) {
  Open(peer_path_);
  const DgramPeer peer(peer_path_);
  for (const size_t size : {0U, 1U, 13U}) peer.SendTo(path_, Bytes(size));
  peer.SendTo(path_, Bytes(kMaxSocketFrame + 1));
  peer.SendTo(path_, FrameOf(60));
  EXPECT_THAT(Turns(), ElementsAre(FrameOf(60)));
  EXPECT_EQ(dropped(DropReason::kRunt), 3U);
  EXPECT_EQ(dropped(DropReason::kTruncated), 1U);
  EXPECT_EQ(counters_.received.frames, 5U);
}

TEST_F(DgramPortTest, CountsWhatIsSentToNobody) {
  Open(peer_path_);
  Send({FrameOf(60), FrameOf(60)});
  EXPECT_EQ(dropped(DropReason::kLinkDown), 2U);
  { const DgramPeer gone(peer_path_); }
  Send({FrameOf(60)});
  EXPECT_EQ(dropped(DropReason::kLinkDown), 3U) << "its file is still there";
  unlink(peer_path_.c_str());

  const DgramPeer peer(peer_path_);
  Send({FrameOf(61)});
  EXPECT_EQ(peer.Receive(), FrameOf(61));
}

TEST_F(DgramPortTest, KeepsWhatAReceiverDoesNotTakeAtOnceInOrderUpToALimit) {
  Open(peer_path_);
  const DgramPeer peer(peer_path_);
  constexpr size_t kCount = 2000;
  std::vector<Bytes> frames;
  for (size_t i = 0; i < kCount; ++i) {
    Bytes frame = FrameOf(1000);
    frame[20] = static_cast<std::byte>(i);
    frame[21] = static_cast<std::byte>(i >> 8U);
    frames.push_back(frame);
  }
  Send(frames);
  EXPECT_GT(dropped(DropReason::kQueueFull), 0U);
  EXPECT_EQ(counters_.sent.frames + dropped(DropReason::kQueueFull), kCount);
  const bool waits = ring_.watched()[0].writability || ring_.watched().size() == 2;
  EXPECT_TRUE(waits) << "for room in its own socket, or at the peer's";

  for (size_t i = 0; i < counters_.sent.frames; ++i) {
    if (!IsReadable(peer.fd(), std::chrono::milliseconds(0))) {
      BecomeWritable();
      Turns();
    }
    ASSERT_EQ(peer.Receive(), frames[i]) << i;
  }
  BecomeWritable();
  Turns();
  ASSERT_EQ(ring_.watched().size(), 1U);
  EXPECT_FALSE(ring_.watched()[0].writability);
}

}  // namespace
}  // namespace tapswitch::dgram_port_test
