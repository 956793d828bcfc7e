// A stream port on real sockets, and a ring that only tells when a test wants it to.

#include "ports/socket/stream_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fake_ring.h"
#include "tests/support/frame_builder.h"
#include "tests/support/socket_peer.h"
#include "tests/support/temporary_directory.h"

namespace tapswitch::stream_port_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Bytes = std::vector<std::byte>;

constexpr MacAddress kAlice = MacAddress::FromNumber(0x02000000000A);
constexpr MacAddress kBob = MacAddress::FromNumber(0x02000000000B);
constexpr PortId kPort{3};

Bytes FrameOf(size_t size) {
  return FrameBuilder(kBob, kAlice).Type(EtherType::kIpv4).Pad(size).Build();
}

// More than sockets and queue hold together.
constexpr size_t kMoreThanFits = 2000;

class StreamPortTest : public testing::Test {
 protected:
  void SetUp() override {
    auto listener = UnixListener::Bind({.what = "port 'vm1'", .path = path_});
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = std::make_shared<UnixListener>(*std::move(listener));
    port_ = MakePort(kPort, counters_);
  }

  std::unique_ptr<StreamPort> MakePort(PortId id, PortCounters& counters) {
    const PortIdentity identity{
        .id = id, .generation = 7, .name = "vm" + std::to_string(id.value), .counters = &counters};
    auto port = std::make_unique<StreamPort>(identity, listener_, 1500);
    EXPECT_TRUE(port->Start(ring_).ok());
    return port;
  }

  void TearDown() override {
    if (port_) Close(*port_);
    EXPECT_THAT(ring_.watched(), IsEmpty());
  }
  static void Close(StreamPort& port) {
    port.BeginClose();
    EXPECT_TRUE(port.closed());
    port.Detach();
  }

  // What the ring watches for the port; -1 when it is nothing.
  [[nodiscard]] int Watched(const StreamPort& port) const {
    for (const FakeRing::Watched& one : ring_.watched()) {
      if (one.tag.port == port.identity().id) return one.fd;
    }
    return -1;
  }

  // One turn of the worker for a port whose descriptor may have something. Returns whether it wants
  // another.
  bool Turn(StreamPort& port, std::vector<Bytes>& frames) {
    Report(Watched(port));
    return Continue(port, frames);
  }
  // With what the kernel has to say of it.
  void Report(int fd) {
    for (const FakeRing::Watched& one : ring_.watched()) {
      if (one.fd != fd) continue;
      pollfd ready{.fd = fd, .events = POLLIN | POLLRDHUP, .revents = 0};
      poll(&ready, 1, 0);
      ring_.Complete({.tag = one.tag, .result = ready.revents | POLLIN, .more = true});
    }
  }
  bool Continue(StreamPort& port, std::vector<Bytes>& frames) {
    static_cast<void>(ring_.SubmitAndWait(std::chrono::nanoseconds(0)));
    FrameBatch batch;
    port.OnCompletions(ring_.Reap(), batch);
    const bool more = port.Receive(batch);
    for (const Frame& frame : batch.frames()) {
      EXPECT_EQ(frame.ingress, port.identity().id);
      const auto header = std::span(frame.wire.data, kVirtioNetHeaderSize);
      for (const std::byte byte : header) EXPECT_EQ(byte, std::byte{0});
      frames.emplace_back(frame.bytes().begin(), frame.bytes().end());
    }
    port.Recycle();
    return more;
  }
  std::vector<Bytes> Turns() {
    std::vector<Bytes> frames;
    for (bool more = Turn(*port_, frames); more;) more = Continue(*port_, frames);
    return frames;
  }

  void ConnectPeer() {
    ASSERT_TRUE(peer_.Connect(path_));
    EXPECT_THAT(Turns(), IsEmpty());
    ASSERT_TRUE(status().link_up);
  }

  void Send(const std::vector<Bytes>& frames) {
    std::vector<Bytes> wires;
    std::vector<Piece> pieces;
    std::vector<WireFrame> list;
    for (const Bytes& frame : frames) {
      Bytes& wire = wires.emplace_back(kVirtioNetHeaderSize);
      wire.insert(wire.end(), frame.begin(), frame.end());
    }
    for (const Bytes& wire : wires) pieces.push_back({wire.data(), wire.size()});
    for (const Piece& piece : pieces) {
      list.push_back({.pieces = {&piece, 1}, .size = piece.size - kVirtioNetHeaderSize});
    }
    port_->Send(list);
  }

  [[nodiscard]] const PortStatus& status() const { return port_->status(); }
  [[nodiscard]] uint64_t dropped(DropReason reason) const { return counters_.dropped(reason); }

  TemporaryDirectory directory_;
  std::string path_ = directory_.Path("vm1.sock");
  FakeRing ring_;
  PortCounters counters_;
  std::shared_ptr<UnixListener> listener_;
  std::unique_ptr<StreamPort> port_;
  StreamPeer peer_;
};

TEST_F(StreamPortTest, IsDownAndSaysWhyUntilSomebodyConnects) {
  EXPECT_FALSE(status().link_up);
  EXPECT_EQ(status().reason, "nobody is connected to " + path_);
  Send({FrameOf(60)});
  EXPECT_EQ(dropped(DropReason::kLinkDown), 1U);

  ConnectPeer();

  EXPECT_EQ(status().reason, "");
  EXPECT_EQ(status().accepted, OffloadSet()) << "checksums and segments are made for it";
}

TEST_F(StreamPortTest, CarriesFramesBothWays) {
  ConnectPeer();
  for (const size_t size : {14U, 60U, 1514U, 9014U, 65553U}) {
    peer_.Send(FrameOf(size));
    EXPECT_THAT(Turns(), ElementsAre(FrameOf(size)));
    Send({FrameOf(size)});
    EXPECT_EQ(peer_.Receive(), FrameOf(size));
  }
  EXPECT_EQ(counters_.received, counters_.sent);
  EXPECT_EQ(counters_.received.frames, 5U);
}

TEST_F(StreamPortTest, TakesManyFramesInOneReadAndFewEnoughInATurn) {
  ConnectPeer();
  Bytes stream;
  constexpr size_t kCount = 1000;
  for (size_t i = 0; i < kCount; ++i) {
    const Bytes wire = StreamPeer::Wire(FrameOf(60 + i % 50));
    stream.insert(stream.end(), wire.begin(), wire.end());
  }
  peer_.SendBytes(stream);
  std::vector<Bytes> frames;
  EXPECT_TRUE(Turn(*port_, frames));
  EXPECT_EQ(frames.size(), ReceivedFrames::kMaxFrames);
  while (Continue(*port_, frames)) continue;
  ASSERT_EQ(frames.size(), kCount);
  for (size_t i = 0; i < kCount; ++i) ASSERT_EQ(frames[i], FrameOf(60 + i % 50));
}

TEST_F(StreamPortTest, LeavesFramesForLaterWhereTheBatchIsFull) {
  ConnectPeer();
  peer_.Send(FrameOf(60));
  FrameBatch batch;
  const Bytes other(kVirtioNetHeaderSize + 60);
  while (!batch.full())
    batch.push_back(
        {.wire = {other.data(), other.size()}, .ingress = {}, .needed = {}, .offload = {}});
  EXPECT_TRUE(port_->Receive(batch)) << "it is called again";
  EXPECT_THAT(Turns(), ElementsAre(FrameOf(60)));
}

TEST_F(StreamPortTest, BringsNoMoreFramesIntoATurnThanItIsAllowed) {
  ConnectPeer();
  port_->LimitReceiving(2);
  for (const size_t size : {60U, 61U, 62U}) peer_.Send(FrameOf(size));
  std::vector<Bytes> frames;
  EXPECT_TRUE(Turn(*port_, frames)) << "there is more";
  EXPECT_THAT(frames, ElementsAre(FrameOf(60), FrameOf(61)));
  static_cast<void>(Continue(*port_, frames));
  EXPECT_THAT(frames, ElementsAre(FrameOf(60), FrameOf(61), FrameOf(62)));
}

TEST_F(StreamPortTest, AFrameMayComeByteByByte) {
  ConnectPeer();
  const Bytes wire = StreamPeer::Wire(FrameOf(60));
  std::vector<Bytes> frames;
  for (const std::byte byte : wire) {
    EXPECT_THAT(frames, IsEmpty());
    peer_.SendBytes({&byte, 1});
    frames = Turns();
  }
  EXPECT_THAT(frames, ElementsAre(FrameOf(60)));
}

TEST_F(StreamPortTest, DropsAndCountsRuntsAndGoesOn) {
  ConnectPeer();
  for (const size_t size : {0U, 1U, 13U}) peer_.Send(Bytes(size));
  peer_.Send(FrameOf(14));
  EXPECT_THAT(Turns(), ElementsAre(FrameOf(14)));
  EXPECT_EQ(dropped(DropReason::kRunt), 3U);
  EXPECT_EQ(counters_.received.frames, 4U);
  EXPECT_TRUE(status().link_up);
}

TEST_F(StreamPortTest, EndsAConnectionThatIsOutOfStepAndTakesTheNext) {
  ConnectPeer();
  peer_.Send(FrameOf(60));
  peer_.SendBytes(StreamPrefix(kMaxSocketFrame + 1));
  EXPECT_THAT(Turns(), ElementsAre(FrameOf(60))) << "what came before is good";
  EXPECT_FALSE(status().link_up);
  EXPECT_EQ(dropped(DropReason::kBadFraming), 1U);
  EXPECT_TRUE(peer_.WaitForHangUp());

  ConnectPeer();
  peer_.Send(FrameOf(61));
  EXPECT_THAT(Turns(), ElementsAre(FrameOf(61)));
}

TEST_F(StreamPortTest, GoesDownWhenThePeerHangsUpAndCountsAFrameCutOff) {
  ConnectPeer();
  peer_.Send(FrameOf(60));
  const Bytes cut_off = StreamPeer::Wire(FrameOf(60));
  peer_.SendBytes(std::span(cut_off).first(20));
  peer_.HangUp();
  EXPECT_THAT(Turns(), ElementsAre(FrameOf(60)));
  EXPECT_FALSE(status().link_up);
  EXPECT_EQ(dropped(DropReason::kTruncated), 1U);
  EXPECT_EQ(counters_.received.frames, 2U);

  ConnectPeer();
  peer_.Send(FrameOf(62));
  EXPECT_THAT(Turns(), ElementsAre(FrameOf(62))) << "nothing is left of the connection before";
}

TEST_F(StreamPortTest, KeepsWhatAReceiverDoesNotTakeAtOnceInOrderUpToALimit) {
  ConnectPeer();
  std::vector<Bytes> frames;
  for (size_t i = 0; i < kMoreThanFits; ++i) {
    Bytes frame = FrameOf(1000);
    frame[20] = static_cast<std::byte>(i);
    frame[21] = static_cast<std::byte>(i >> 8U);
    frames.push_back(frame);
  }
  Send(frames);
  const uint64_t full = dropped(DropReason::kQueueFull);
  EXPECT_GT(full, 0U);
  EXPECT_EQ(counters_.sent.frames + full, kMoreThanFits);
  ASSERT_EQ(ring_.watched().size(), 1U);
  EXPECT_TRUE(ring_.watched()[0].writability);

  // The receiver reads: all that was not dropped arrives, in order, with nothing in between.
  for (size_t i = 0; i < counters_.sent.frames; ++i) {
    if (!IsReadable(peer_.fd(), std::chrono::milliseconds(0))) {
      ring_.BecomeWritable(Watched(*port_));
      Turns();
    }
    ASSERT_EQ(peer_.Receive(), frames[i]) << i;
  }
  ring_.BecomeWritable(Watched(*port_));
  Turns();
  EXPECT_FALSE(ring_.watched()[0].writability) << "nothing waits any more";
  Send({FrameOf(60)});
  EXPECT_EQ(peer_.Receive(), FrameOf(60));
}

TEST_F(StreamPortTest, CountsWhatWaitedForAReceiverThatHangsUp) {
  ConnectPeer();
  Send(std::vector<Bytes>(kMoreThanFits, FrameOf(1000)));
  const uint64_t full = dropped(DropReason::kQueueFull);
  peer_.HangUp();
  Turns();
  EXPECT_FALSE(status().link_up);
  EXPECT_GT(dropped(DropReason::kLinkDown), 0U);
  EXPECT_EQ(counters_.sent.frames + full + dropped(DropReason::kLinkDown), kMoreThanFits);
}

TEST_F(StreamPortTest, SendingToAPeerThatHasJustGoneHarmsNobody) {
  ConnectPeer();
  peer_.HangUp();
  Send(std::vector<Bytes>(5, FrameOf(60)));
  EXPECT_EQ(dropped(DropReason::kLinkDown), 5U);
  Turns();
  EXPECT_FALSE(status().link_up);
}

TEST_F(StreamPortTest, ConnectionsThatEndedBeforeTheyBeganAreNoNews) {
  for (int i = 0; i < 10; ++i) StreamPeer(path_).HangUp();
  Turns();
  EXPECT_FALSE(status().link_up);
  ConnectPeer();
}

TEST_F(StreamPortTest, ClientsThatComeAndGoAreTakenAtABoundedRate) {
  for (uint32_t i = 0; i < AcceptPace::kPerRetry; ++i) {
    ConnectPeer();
    peer_.HangUp();
    Turns();
  }
  ASSERT_TRUE(peer_.Connect(path_));
  peer_.Send(FrameOf(60));
  EXPECT_THAT(Turns(), IsEmpty());
  EXPECT_FALSE(status().link_up);
  EXPECT_THAT(status().reason, HasSubstr("come and go too fast"));
  ASSERT_TRUE(port_->wants_retry());
  port_->Retry();
  std::vector<Bytes> frames;
  while (Continue(*port_, frames)) {
  }
  EXPECT_TRUE(status().link_up) << "it has waited";
  EXPECT_THAT(Turns(), ElementsAre(FrameOf(60)));
  port_->Retry();
  EXPECT_FALSE(port_->wants_retry());
}

TEST_F(StreamPortTest, IgnoresCompletionsOfWhatItWatchedBefore) {
  const Tag before = ring_.watched()[0].tag;
  ConnectPeer();
  ring_.Complete({.tag = before, .result = POLLIN | POLLOUT, .more = true});
  EXPECT_THAT(Turns(), IsEmpty());
  EXPECT_TRUE(status().link_up);
}

TEST_F(StreamPortTest, PortsThatShareAPathTakeAConnectionEach) {
  PortCounters counters;
  auto second = MakePort(PortId{4}, counters);
  ConnectPeer();
  StreamPeer other(path_);
  std::vector<Bytes> frames;
  EXPECT_FALSE(Turn(*second, frames));
  EXPECT_TRUE(second->status().link_up);

  // Given a third, which waits: it is served once one of the others has gone.
  StreamPeer third(path_);
  third.Send(FrameOf(63));
  peer_.HangUp();
  Turns();
  EXPECT_FALSE(status().link_up);
  Turns();
  EXPECT_TRUE(status().link_up);
  EXPECT_THAT(Turns(), ElementsAre(FrameOf(63)));
  Close(*second);
}

TEST_F(StreamPortTest, HangsUpAndRemovesItsFileAtTheEnd) {
  ConnectPeer();
  listener_.reset();
  Close(*port_);
  port_.reset();
  EXPECT_TRUE(peer_.WaitForHangUp());
  EXPECT_FALSE(StreamPeer().Connect(path_));
  EXPECT_EQ(access(path_.c_str(), F_OK), -1);
}

TEST_F(StreamPortTest, SurvivesRandomBytes) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    port_->Retry();  // as ten times a second
    ConnectPeer();
    Bytes bytes(random() % 5000);
    // Small lengths make sense more often.
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() % 4 == 0 ? random() : 0);
    peer_.SendBytes(bytes);
    if (random() % 2 == 0) peer_.HangUp();
    Turns();
    peer_.HangUp();
    if (status().link_up) Turns();
    ASSERT_FALSE(status().link_up);
  }
}

}  // namespace
}  // namespace tapswitch::stream_port_test
