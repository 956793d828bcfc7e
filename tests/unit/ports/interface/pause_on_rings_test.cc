// A port on an interface that pauses, on each real ring. Its file is one end of a pair of sockets,
// which keeps the boundaries of frames as a TAP and a packet socket do.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "ports/interface/netdev/netdev_port.h"
#include "ports/interface/tap/tap_port.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "tests/support/frame_builder.h"
#include "tests/support/ring_fixture.h"

namespace tapswitch::pause_on_rings_test {
namespace {

class PauseOnRingsTest : public testing::TestWithParam<RingKind> {
 protected:
  void SetUp() override {
    auto ring = GetParam().make({});
    if (!ring.ok()) GTEST_SKIP() << ring.status();
    ring_ = *std::move(ring);
    std::array<int, 2> ends{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()),
              0);
    far_ = FileDescriptor(ends[1]);
    MakePort(FileDescriptor(ends[0]));
    ASSERT_TRUE(port_->Start(*ring_).ok());
  }

  void TearDown() override {
    if (!port_) return;
    port_->BeginClose();
    EXPECT_TRUE(TurnUntil([this] { return port_->closed(); }));
  }

  void MakePort(FileDescriptor file) {
    const PortIdentity identity{
        .id = kTestPort, .generation = 7, .name = "port", .counters = &counters_};
    const auto query = [] {
      return LinkEvent{.ifindex = 5, .name = "port", .up = true, .mtu = 1500};
    };
    if (GetParam().files == FileKind::kFrames) {
      port_ = std::make_unique<TapPort>(identity, std::move(file), OffloadSet::All(), query);
    } else {
      port_ = std::make_unique<NetdevPort>(
          identity, NetdevPort::Queue{.socket = std::move(file), .query = query, .missed = [](int) {
                                        return 0U;
                                      }});
    }
  }

  // The size of a frame tells it from others.
  void SendFromFarSide(size_t size) {
    std::vector<std::byte> wire(kVirtioNetHeaderSize);
    const auto frame =
        FrameBuilder(MacAddress::FromNumber(0x020000000001), MacAddress::FromNumber(0x020000000002))
            .Pad(size)
            .Build();
    wire.insert(wire.end(), frame.begin(), frame.end());
    ASSERT_EQ(send(far_.get(), wire.data(), wire.size(), 0), static_cast<ssize_t>(wire.size()));
  }

  // A turn that only looks.
  void Turn() {
    FrameBatch batch;
    static_cast<void>(ring_->SubmitAndWait(std::chrono::milliseconds(0)));
    port_->OnCompletions(ring_->Reap(), batch);
    for (const Frame& frame : batch.frames()) received_.push_back(frame.bytes().size());
    port_->Recycle();
  }

  template <typename Done>
  bool TurnUntil(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      Turn();
    }
    return true;
  }

  bool AwaitFrames(size_t count) {
    return TurnUntil([&] { return received_.size() >= count; });
  }

  std::unique_ptr<Ring> ring_;
  FileDescriptor far_;
  PortCounters counters_;
  std::unique_ptr<Port> port_;
  std::vector<size_t> received_;
};

INSTANTIATE_TEST_SUITE_P(Rings, PauseOnRingsTest, testing::ValuesIn(kRingKindsByRead),
                         RingKindName);

TEST_P(PauseOnRingsTest, NothingIsReadMeanwhileAndNothingIsLost) {
  for (size_t i = 0; i < 3; ++i) SendFromFarSide(60 + i);
  ASSERT_TRUE(AwaitFrames(3));
  ASSERT_TRUE(port_->Pause());
  ASSERT_TRUE(TurnUntil([this] { return port_->paused(); }));
  for (size_t i = 3; i < 8; ++i) SendFromFarSide(60 + i);
  for (int i = 0; i < 10; ++i) Turn();
  EXPECT_EQ(received_.size(), 3U);
  port_->Resume();
  EXPECT_TRUE(AwaitFrames(8));
  EXPECT_EQ(received_, (std::vector<size_t>{60, 61, 62, 63, 64, 65, 66, 67}));
  EXPECT_EQ(counters_.received.frames, 8U);
}

TEST_P(PauseOnRingsTest, FramesThatArriveWhileItPausesAndResumesStayInOrder) {
  constexpr size_t kFrames = 300;
  std::vector<size_t> sent;
  for (size_t i = 0; i < kFrames; ++i) {
    SendFromFarSide(60 + i);
    sent.push_back(60 + i);
    if (i % 7 == 0) {
      EXPECT_TRUE(port_->Pause());
    }
    if (i % 3 == 0) Turn();
    if (i % 11 == 0) port_->Resume();
    if (i % 50 == 0) {
      EXPECT_TRUE(TurnUntil([this] { return port_->Pause() && port_->paused(); }));
    }
  }
  port_->Resume();
  EXPECT_TRUE(AwaitFrames(kFrames));
  EXPECT_EQ(received_, sent);
  EXPECT_TRUE(port_->status().link_up);
}

TEST_P(PauseOnRingsTest, ALimitHoldsAfterThePause) {
  port_->LimitReceiving(4);
  for (size_t i = 0; i < kReceiveBufferCount; ++i) SendFromFarSide(60);
  ASSERT_TRUE(AwaitFrames(kReceiveBufferCount));
  ASSERT_TRUE(port_->Pause());
  ASSERT_TRUE(TurnUntil([this] { return port_->paused(); }));
  for (size_t i = 0; i < 20; ++i) SendFromFarSide(60);
  port_->Resume();
  size_t most = 0;
  ASSERT_TRUE(TurnUntil([&, before = received_.size()]() mutable {
    most = std::max(most, received_.size() - before);
    before = received_.size();
    return before >= kReceiveBufferCount + 20U;
  }));
  EXPECT_LE(most, 4U);
}

TEST_P(PauseOnRingsTest, APausedPortClosesAtOnce) {
  ASSERT_TRUE(port_->Pause());
  ASSERT_TRUE(TurnUntil([this] { return port_->paused(); }));
  SendFromFarSide(60);
  port_->BeginClose();
  EXPECT_TRUE(port_->closed());
  Turn();
  EXPECT_TRUE(received_.empty());
}

TEST_P(PauseOnRingsTest, SendingGoesOn) {
  ASSERT_TRUE(port_->Pause());
  ASSERT_TRUE(TurnUntil([this] { return port_->paused(); }));
  const std::vector<std::byte> wire(kVirtioNetHeaderSize + 60);
  const Piece piece{wire.data(), wire.size()};
  const WireFrame frame{.pieces = {&piece, 1}, .size = 60};
  port_->Send({&frame, 1});
  Turn();
  std::array<std::byte, 128> read{};
  EXPECT_EQ(recv(far_.get(), read.data(), read.size(), 0), static_cast<ssize_t>(wire.size()));
}

}  // namespace
}  // namespace tapswitch::pause_on_rings_test
