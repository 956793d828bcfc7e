// What a port on a packet socket does otherwise than one on a TAP, against a ring that injects
// faults and an interface that a test moves. What they have in common is held by tap_port_test.

#include "ports/interface/netdev/netdev_port.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "ports/ring/packet_frame.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "tests/support/fake_ring.h"
#include "tests/support/frame_builder.h"
#include "tests/support/tap_port_fixture.h"

namespace tapswitch::netdev_port_test {
namespace {

constexpr MacAddress kOwn = MacAddress::FromNumber(0x020000000001);
constexpr FileSlot kFile{0};

FrameBuilder Start() { return {kBob, kAlice}; }

// An IPv4 packet that carries UDP, behind whatever `builder` has begun.
Bytes UdpIn(FrameBuilder builder) {
  return builder.Type(EtherType::kIpv4)
      .U16(0x4500)
      .U16(20 + 8 + 4)
      .U32(0)
      .U8(64)
      .U8(17)
      .U16(0)
      .U32(0x0A000001)
      .U32(0x0A000002)
      .U16(1000)
      .U16(2000)
      .U16(8 + 4)
      .U16(0)
      .Text("data")
      .Build();
}

class NetdevPortTest : public testing::Test {
 protected:
  void SetUp() override {
    port_ = std::make_unique<NetdevPort>(
        PortIdentity{
            .id = kPort, .generation = kGeneration, .name = "veth0", .counters = &counters_},
        NetdevPort::Queue{
            .role = QueueRole::kFirst,
            .socket = {},
            .query = [this] { return answer_; },
            .discard =
                [this](std::shared_ptr<void> thing) { discarded_.push_back(std::move(thing)); },
            .missed = [this](int) { return std::exchange(missed_, 0U); },
            .new_socket = [this] { return std::move(new_socket_); },
            .new_bpdus = [this] { return std::move(new_bpdus_); }});
    ASSERT_TRUE(port_->Start(ring_).ok());
  }

  void TearDown() override {
    port_->BeginClose();
    for (int i = 0; i < 3 && !port_->closed(); ++i) Turn();
    EXPECT_TRUE(port_->closed());
    port_.reset();
    EXPECT_FALSE(ring_.has_file(kFile));
  }

  template <typename InBetween>
  void Turn(InBetween in_between) {
    FrameBatch batch;
    static_cast<void>(ring_.SubmitAndWait(std::chrono::nanoseconds(0)));
    const auto completions = ring_.Reap();
    if (completions.empty()) return;
    port_->OnCompletions(completions, batch);
    in_between(batch);
    port_->Recycle();
  }

  // Returns the frames that came in, copied.
  std::vector<Bytes> Turn() {
    std::vector<Bytes> frames;
    Turn([&](const FrameBatch& batch) {
      for (const Frame& frame : batch.frames()) {
        frames.emplace_back(frame.bytes().begin(), frame.bytes().end());
      }
    });
    return frames;
  }

  void Send(size_t count) {
    const Bytes wire = Wire(FrameOf(60));
    const Piece piece{wire.data(), wire.size()};
    const std::vector<WireFrame> frames(count, {.pieces = std::span(&piece, 1), .size = 60});
    port_->Send(frames);
    ring_.Submit();
  }

  // The kernel announces the state that it also answers with from now on.
  void Announce(const LinkEvent& link) {
    answer_ = link;
    if (link.removed) answer_ = absl::NotFoundError("gone");
    port_->OnLinkChange(link);
  }

  static LinkEvent Link() {
    return {
        .netns = kHost, .ifindex = 5, .name = "veth0", .up = true, .mtu = 1500, .address = kOwn};
  }
  static LinkEvent Changed(void (*change)(LinkEvent&)) {
    LinkEvent link = Link();
    change(link);
    return link;
  }

  [[nodiscard]] uint64_t dropped(DropReason reason) const { return counters_.dropped(reason); }
  [[nodiscard]] const PortStatus& status() const { return port_->status(); }

  FakeRing ring_;
  PortCounters counters_;
  absl::StatusOr<LinkEvent> answer_ = Link();
  uint32_t missed_ = 0;
  FileDescriptor new_socket_;
  FileDescriptor new_bpdus_;
  std::vector<std::shared_ptr<void>> discarded_;
  std::unique_ptr<NetdevPort> port_;
};

// ---- BPDUs that found the queue full

class LostBpdusTest : public NetdevPortTest {
 protected:
  void SetUp() override {
    NetdevPortTest::SetUp();
    std::array<int, 2> ends{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    new_bpdus_ = FileDescriptor(ends[0]);
    far_ = FileDescriptor(ends[1]);
  }
  void Arrive(size_t size) const {
    const Bytes frame = FrameOf(size);
    ASSERT_EQ(send(far_.get(), frame.data(), frame.size(), 0), static_cast<ssize_t>(size));
  }
  std::vector<Bytes> ReceiveLost() {
    FrameBatch batch;
    const bool has_some = port_->ReceiveLostBpdus(batch);
    EXPECT_EQ(has_some, !batch.empty());
    std::vector<Bytes> frames;
    for (const Frame& frame : batch.frames()) {
      EXPECT_EQ(frame.ingress, kPort);
      frames.emplace_back(frame.bytes().begin(), frame.bytes().end());
    }
    return frames;
  }

  FileDescriptor far_;
};

TEST_F(LostBpdusTest, AreReceivedOnceFramesWereLost) {
  Arrive(60);
  EXPECT_TRUE(ReceiveLost().empty()) << "nothing was lost, so it came in as others do";
  Arrive(61);
  Arrive(62);
  missed_ = 1;
  EXPECT_EQ(ReceiveLost(), (std::vector<Bytes>{FrameOf(61), FrameOf(62)}));
  EXPECT_EQ(counters_.received.frames, 3U) << "and one that was lost";
  EXPECT_EQ(dropped(DropReason::kReceiveQueueFull), 1U);
  Arrive(63);
  EXPECT_TRUE(ReceiveLost().empty());
}

TEST_F(LostBpdusTest, LeaveTheSocketOfAnInterfaceThatIsGone) {
  EXPECT_TRUE(ReceiveLost().empty());
  Announce(Changed([](LinkEvent& link) { link.removed = true; }));
  new_socket_ = FileDescriptor(dup(STDIN_FILENO));
  Announce(Changed([](LinkEvent& link) { link.ifindex = 7; }));
  Turn();
  Arrive(60);
  missed_ = 1;
  EXPECT_TRUE(ReceiveLost().empty());
}

// ---- Receiving

TEST_F(NetdevPortTest, AFrameComesInWithoutWhatStandsInFrontOfIt) {
  ring_.Arrive(kFile, Wire(FrameOf(60)));
  EXPECT_EQ(Turn(), std::vector<Bytes>{FrameOf(60)});
  EXPECT_EQ(counters_.received, (FrameCounter{.frames = 1, .bytes = 60}));
  EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount);
}

TEST_F(NetdevPortTest, ATagIsPutBackWithItsTypeAndPriority) {
  ring_.ArriveTagged(kFile, Wire(Start().Type(EtherType::kIpv4).Text("payload").Build()), 0x8100,
                     0x6042);
  ring_.ArriveTagged(kFile, Wire(Start().Type(EtherType::kIpv4).Text("payload").Build()), 0x88A8,
                     7);
  EXPECT_EQ(Turn(),
            (std::vector{
                Start().U16(0x8100).U16(0x6042).Type(EtherType::kIpv4).Text("payload").Build(),
                Start().U16(0x88A8).U16(7).Type(EtherType::kIpv4).Text("payload").Build(),
            }));
  EXPECT_EQ(counters_.received, (FrameCounter{.frames = 2, .bytes = 2 * (14 + 4 + 7)}));
}

TEST_F(NetdevPortTest, TheChecksumOfATaggedFrameBeginsBehindTheTag) {
  constexpr VirtioNetHeader kBeforeTag{
      .needs_checksum = true, .checksum_start = 34, .checksum_offset = 6};
  ring_.ArriveTagged(kFile, Wire(UdpIn(Start()), kBeforeTag), 0x8100, 10);
  Turn([&](const FrameBatch& batch) {
    ASSERT_EQ(batch.frames().size(), 1U);
    const Frame& frame = batch.frames()[0];
    EXPECT_TRUE(frame.needed.contains(Offload::kChecksum));
    EXPECT_EQ(frame.offload.checksum_start, 38);
    EXPECT_EQ(Bytes(frame.bytes().begin(), frame.bytes().end()),
              UdpIn(Start().U16(0x8100).U16(10)));
    const auto stored = ParseVirtioNetHeader(
        std::span<const std::byte, kVirtioNetHeaderSize>(frame.wire.data, kVirtioNetHeaderSize));
    EXPECT_EQ(stored, frame.offload) << "the header in memory leaves with the frame";
  });
}

TEST_F(NetdevPortTest, AFrameThatWasCutIsDroppedAndOneThatFillsTheBufferIsNot) {
  constexpr size_t kMost = kReceiveBufferSize - kPacketPreambleSize - kVirtioNetHeaderSize;
  ring_.Arrive(kFile, Wire(FrameOf(kMost)));
  ring_.Arrive(kFile, Wire(FrameOf(kMost + 1)));
  EXPECT_EQ(Turn().size(), 1U);
  EXPECT_EQ(dropped(DropReason::kTruncated), 1U);
  EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount);
}

TEST_F(NetdevPortTest, RuntsAreDroppedTaggedOrNot) {
  for (const size_t size : {0U, 9U, 10U, 23U}) {
    ring_.Arrive(kFile, Bytes(size));
    ring_.ArriveTagged(kFile, Bytes(size), 0x8100, 1);
  }
  EXPECT_TRUE(Turn().empty());
  EXPECT_EQ(dropped(DropReason::kRunt), 8U);
  EXPECT_EQ(counters_.received.frames, 8U);
}

TEST_F(NetdevPortTest, AnOffloadThatNoHeaderCanExpressCostsTheFrameNotThePort) {
  for (int i = 0; i < 5; ++i) {
    ring_.FailRead(kFile, EINVAL);
    Turn();
    EXPECT_TRUE(ring_.reading(kFile));
  }
  EXPECT_TRUE(status().link_up);
  EXPECT_EQ(dropped(DropReason::kUnsupportedOffload), 5U);
  EXPECT_EQ(counters_.received.frames, 5U);
}

TEST_F(NetdevPortTest, TheLogIsToldOfSuchFramesOnceForAllQueues) {
  std::ostringstream log;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  const auto told = std::make_shared<std::atomic_flag>();
  for (const QueueRole role : {QueueRole::kFirst, QueueRole::kFollower}) {
    FakeRing ring;
    NetdevPort queue(
        {.id = kPort, .generation = kGeneration, .name = "veth0", .counters = &counters_},
        {.role = role,
         .socket = {},
         .query = [] { return Link(); },
         .missed = [](int) { return 0U; },
         .told_unsupported = told});
    ASSERT_TRUE(queue.Start(ring).ok());
    FrameBatch batch;
    ring.FailRead(kFile, EINVAL);
    static_cast<void>(ring.SubmitAndWait(std::chrono::nanoseconds(0)));
    queue.OnCompletions(ring.Reap(), batch);
  }
  spdlog::set_default_logger(before);
  EXPECT_EQ(dropped(DropReason::kUnsupportedOffload), 2U);
  const std::string said = log.str();
  const size_t first = said.find("(unsupported_offload)");
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(said.find("(unsupported_offload)", first + 1), std::string::npos) << said;
}

TEST_F(NetdevPortTest, FramesThatFoundTheQueueFullWereReceivedAndDropped) {
  missed_ = 3;
  port_->RefreshCounters();
  port_->RefreshCounters();
  EXPECT_EQ(dropped(DropReason::kReceiveQueueFull), 3U);
  EXPECT_EQ(counters_.received, (FrameCounter{.frames = 3, .bytes = 0}));
}

// ---- Sending

TEST_F(NetdevPortTest, AFailedSendIsCountedByItsReason) {
  struct Case {
    int error;
    DropReason reason;
  };
  for (const auto& [error, reason] :
       {Case{EAGAIN, DropReason::kQueueFull}, Case{ENOBUFS, DropReason::kQueueFull},
        Case{ENOMEM, DropReason::kNoMemory}, Case{ENETDOWN, DropReason::kLinkDown},
        Case{ENXIO, DropReason::kLinkDown}, Case{EMSGSIZE, DropReason::kTooLong}}) {
    SCOPED_TRACE(error);
    counters_ = {};
    ring_.FailWrites(kFile, error);
    Send(2);
    Turn();
    EXPECT_EQ(counters_.sent, (FrameCounter{.frames = 1, .bytes = 60}));
    EXPECT_EQ(dropped(reason), 1U);
    EXPECT_TRUE(status().link_up) << "the kernel says that the interface is up";
  }
}

// ---- The interface

TEST_F(NetdevPortTest, HasTheAddressOfItsInterfaceAndFollowsIt) {
  EXPECT_EQ(status().address, kOwn);
  Announce(Changed([](LinkEvent& link) { link.address = kBob; }));
  EXPECT_EQ(status().address, kBob);
}

TEST_F(NetdevPortTest, WithoutCarrierTheLinkIsDown) {
  Announce(Changed([](LinkEvent& link) { link.carrier = false; }));
  EXPECT_FALSE(status().link_up);
  EXPECT_EQ(status().reason, "interface has no carrier");
  Announce(Link());
  EXPECT_TRUE(status().link_up);
}

TEST_F(NetdevPortTest, GoingDownAndUpAnyNumberOfTimesNeedsNoHelp) {
  for (int i = 0; i < 5; ++i) {
    ring_.FailRead(kFile, ENETDOWN);
    answer_ = Changed([](LinkEvent& link) { link.up = false; });
    Turn();
    EXPECT_EQ(status().reason, "interface is down");
    EXPECT_TRUE(ring_.reading(kFile)) << "the socket goes on when the interface is up";
    Announce(Link());
    EXPECT_TRUE(status().link_up);
  }
}

TEST_F(NetdevPortTest, AnInterfaceThatReturnsUnderItsNameIsUsedAgain) {
  ring_.FailRead(kFile, ENETDOWN);
  answer_ = absl::NotFoundError("gone");
  Turn();
  EXPECT_EQ(status().reason, "interface was deleted; it is used again when it returns");
  EXPECT_EQ(status().ifindex, 0);
  EXPECT_EQ(status().address, kOwn) << "it is the bridge's until another takes its place";
  EXPECT_FALSE(ring_.reading(kFile));

  const LinkEvent other = Changed([](LinkEvent& link) {
    link.ifindex = 6;
    link.name = "veth1";
  });
  port_->OnLinkChange(other);
  EXPECT_FALSE(ring_.reading(kFile)) << "that is another one";

  Announce(Changed([](LinkEvent& link) {
    link.ifindex = 7;
    link.address = kBob;
  }));
  EXPECT_TRUE(status().link_up);
  EXPECT_EQ(status().ifindex, 7);
  EXPECT_EQ(status().address, kBob);
  EXPECT_TRUE(ring_.reading(kFile));
  ring_.Arrive(kFile, Wire(FrameOf(60)));
  EXPECT_EQ(Turn().size(), 1U);
}

// ---- A new socket, as queues get when an interface that they share returns

TEST_F(NetdevPortTest, ANewSocketIsReadInPlaceOfTheOldOne) {
  ring_.FailRead(kFile, ENETDOWN);
  answer_ = absl::NotFoundError("gone");
  Turn();
  missed_ = 2;
  new_socket_ = FileDescriptor(dup(STDIN_FILENO));
  Announce(Changed([](LinkEvent& link) { link.ifindex = 7; }));
  EXPECT_TRUE(status().link_up);
  EXPECT_TRUE(ring_.reading(kFile));
  EXPECT_EQ(dropped(DropReason::kReceiveQueueFull), 2U) << "what the old one had lost";
  ring_.Arrive(kFile, Wire(FrameOf(60)));
  EXPECT_EQ(Turn().size(), 1U);
}

TEST_F(NetdevPortTest, ASocketThatWasReplacedIsClosedByWhoMayWait) {
  const int first = dup(STDIN_FILENO);
  for (const int socket : {first, dup(STDIN_FILENO)}) {
    ring_.FailRead(kFile, ENETDOWN);
    answer_ = absl::NotFoundError("gone");
    Turn();
    new_socket_ = FileDescriptor(socket);
    LinkEvent returned = Link();
    returned.ifindex = 100 + socket;
    Announce(returned);
    EXPECT_TRUE(status().link_up);
  }
  EXPECT_EQ(discarded_.size(), 1U);
  EXPECT_NE(fcntl(first, F_GETFD), -1);
  discarded_.clear();
  EXPECT_EQ(fcntl(first, F_GETFD), -1);
}

TEST_F(NetdevPortTest, ASocketThatIsOfNoUseAnyMoreIsClosedUntilThereIsANewOne) {
  answer_ = absl::AbortedError("network namespace 'side' was deleted");
  port_->OnLinkChange(Changed([](LinkEvent& link) { link.removed = true; }));
  EXPECT_EQ(status().reason, "network namespace 'side' was deleted");
  EXPECT_EQ(status().ifindex, 0);
  Turn();
  EXPECT_FALSE(ring_.has_file(kFile));
  Send(1);
  EXPECT_EQ(dropped(DropReason::kLinkDown), 1U);

  new_socket_ = FileDescriptor(dup(STDIN_FILENO));
  Announce(Changed([](LinkEvent& link) { link.ifindex = 7; }));
  EXPECT_TRUE(status().link_up);
  EXPECT_TRUE(ring_.reading(kFile));
}

TEST_F(NetdevPortTest, WithoutASocketItIsDownThoughTheInterfaceIsThere) {
  answer_ = absl::AbortedError("network namespace 'side' was deleted");
  port_->OnLinkChange(Changed([](LinkEvent& link) { link.removed = true; }));
  Announce(Link());
  Turn();
  EXPECT_FALSE(ring_.has_file(kFile)) << "it was of no use any more, and there is no new one";
  EXPECT_FALSE(status().link_up);
  Send(1);
  EXPECT_EQ(dropped(DropReason::kLinkDown), 1U);
}

TEST_F(NetdevPortTest, ANewSocketWaitsUntilTheOldOneIsNoLongerInUse) {
  Announce(Changed([](LinkEvent& link) { link.removed = true; }));
  ring_.Arrive(kFile, Wire(FrameOf(60)));
  Turn([&](const FrameBatch& batch) {
    EXPECT_EQ(batch.frames().size(), 1U) << "of the old one, which is still being read";
    new_socket_ = FileDescriptor(dup(STDIN_FILENO));
    Announce(Changed([](LinkEvent& link) { link.ifindex = 7; }));
  });
  Turn();
  EXPECT_TRUE(ring_.reading(kFile));
  EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount);
  EXPECT_TRUE(status().link_up);
  ring_.Arrive(kFile, Wire(FrameOf(61)));
  EXPECT_EQ(Turn(), std::vector<Bytes>{FrameOf(61)});
}

TEST_F(NetdevPortTest, APortThatClosesTakesNoNewSocket) {
  Announce(Changed([](LinkEvent& link) { link.removed = true; }));
  new_socket_ = FileDescriptor(dup(STDIN_FILENO));
  Announce(Changed([](LinkEvent& link) { link.ifindex = 7; }));
  port_->BeginClose();
  Turn();
  EXPECT_TRUE(port_->closed());
}

TEST_F(NetdevPortTest, ADeletionThatReadingDoesNotNoticeIsNoObstacle) {
  Announce(Changed([](LinkEvent& link) { link.removed = true; }));
  EXPECT_FALSE(status().link_up);
  EXPECT_TRUE(ring_.reading(kFile));
  Announce(Changed([](LinkEvent& link) { link.ifindex = 7; }));
  EXPECT_TRUE(status().link_up);
  EXPECT_TRUE(ring_.reading(kFile));
}

}  // namespace
}  // namespace tapswitch::netdev_port_test
