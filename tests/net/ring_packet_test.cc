// Each real ring on packet sockets: how their frames lie in buffers, and what becomes of writes to
// a device that takes nothing.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ports/interface/netdev/netdev_device.h"
#include "ports/ring/packet_frame.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "tests/support/frame_builder.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/packet_socket.h"
#include "tests/support/ring_fixture.h"

namespace tapswitch::ring_packet_test {
namespace {

using Bytes = std::vector<std::byte>;

constexpr size_t kBufferSize = 2048;

FrameBuilder Start() {
  return {MacAddress::FromNumber(0x020000000001), MacAddress::FromNumber(0x020000000002)};
}

class RingPacketTest : public RingFixture {
 protected:
  void SetUp() override {
    const std::string why = NetnsSandbox::WhyUnavailable();
    if (!why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
    sandbox_->Run("ip link add near up type veth peer name far && ip link set far up");
    auto device = NetdevDevice::Open({.name = "near"});
    ASSERT_TRUE(device.ok()) << device.status();
    device_ = *std::move(device);
    socket_ = device_->TakeSocket();
    far_.emplace("far");
    Make({});
  }

  FileSlot AddSocket(BufferPool* pool) { return Add(socket_.get(), pool, FileKind::kPacketSocket); }

  // What came, behind the preamble and the virtio-net header.
  static std::string Frame(const RingEvent& event) {
    return event.bytes.substr(kPacketPreambleSize + kVirtioNetHeaderSize);
  }
  static PacketFrame Message(const RingEvent& event) {
    return ParsePacketPreamble(std::as_bytes(std::span(event.bytes)).first<kPacketPreambleSize>());
  }
  static std::string Text(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  std::optional<NetnsSandbox> sandbox_;
  std::unique_ptr<NetdevDevice> device_;
  FileDescriptor socket_;
  std::optional<PacketSocket> far_;
};
INSTANTIATE_TEST_SUITE_P(Rings, RingPacketTest, testing::ValuesIn(kRingKinds), RingKindName);

TEST_P(RingPacketTest, AFrameLiesBehindAPreambleThatSaysItsTag) {
  const FileSlot file = AddSocket(&MakePool(8, kBufferSize));
  ring_->StartRead(file, kReadTag);
  const Bytes plain = Start().U16(0x88B5).Text("plain").Pad(60).Build();
  far_->Send(plain);
  far_->Send(Start().U16(0x8100).U16(0xB00A).U16(0x88B5).Text("tagged").Pad(60).Build());
  far_->Send(Start().U16(0x88A8).U16(7).U16(0x88B5).Text("service").Pad(60).Build());
  const std::vector<RingEvent> events = Await(3);
  ASSERT_EQ(events.size(), 3U);

  EXPECT_EQ(Frame(events[0]), Text(plain));
  EXPECT_EQ(events[0].completion.result,
            static_cast<int32_t>(kPacketPreambleSize + kVirtioNetHeaderSize + plain.size()));
  EXPECT_TRUE(events[0].completion.more);
  EXPECT_FALSE(Message(events[0]).has_tag);
  EXPECT_FALSE(Message(events[0]).truncated);

  EXPECT_EQ(Frame(events[1]), Text(Start().U16(0x88B5).Text("tagged").Pad(56).Build()));
  EXPECT_TRUE(Message(events[1]).has_tag);
  EXPECT_EQ(Message(events[1]).tag_type, 0x8100);
  EXPECT_EQ(Message(events[1]).tag_value, 0xB00A);
  EXPECT_EQ(Message(events[2]).tag_type, 0x88A8);
  EXPECT_EQ(Message(events[2]).tag_value, 7);
  Stop(file);
}

TEST_P(RingPacketTest, AFrameThatIsCutIsMarked) {
  const FileSlot file = AddSocket(&MakePool(4, 512));
  ring_->StartRead(file, kReadTag);
  far_->Send(Start().U16(0x88B5).Pad(512 - kPacketPreambleSize - kVirtioNetHeaderSize).Build());
  far_->Send(Start().U16(0x88B5).Pad(513 - kPacketPreambleSize - kVirtioNetHeaderSize).Build());
  const std::vector<RingEvent> events = Await(2);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].completion.result, 512);
  EXPECT_FALSE(Message(events[0]).truncated);
  EXPECT_EQ(events[1].completion.result, 512);
  EXPECT_TRUE(Message(events[1]).truncated);
  Stop(file);
}

TEST_P(RingPacketTest, WritesFailWhereTheyWouldWaitAndTheRingGoesOn) {
  const auto slow =
      sandbox_->TryRun("tc qdisc add dev near root tbf rate 8kbit burst 1600 limit 100000000");
  if (slow.status != 0) GTEST_SKIP() << "no queueing discipline tbf here: " << slow.output;
  const int size = 1 << 16;
  ASSERT_EQ(setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
  const FileSlot file = AddSocket(&MakePool(4, kBufferSize));
  const std::vector<std::string> frame{std::string(kVirtioNetHeaderSize, '\0') +
                                       Text(Start().U16(0x88B5).Pad(1000).Build())};
  constexpr int kFrames = 200;  // far more than fit
  int refused = 0;
  for (int i = 0; i < kFrames; ++i) {
    ASSERT_EQ(Write(file, frame), 1U);
    for (const RingEvent& event : Look()) {
      EXPECT_EQ(event.completion.result, -EAGAIN);
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, kFrames);
  ring_->RemoveFile(file);
}

}  // namespace
}  // namespace tapswitch::ring_packet_test
