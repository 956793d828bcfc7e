// Each real ring on real TAPs: what sockets cannot show about the kernel's side of
// ports/ring/ring.h.

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ports/interface/tap/tap_device.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "tests/support/netns_sandbox.h"
#include "tests/support/packet_socket.h"
#include "tests/support/ring_fixture.h"

namespace tapswitch::ring_tap_test {
namespace {

using std::chrono::steady_clock;

// An EtherType set aside for experiments (IEEE 802), so that nobody's stack answers.
constexpr uint16_t kExperimental = 0x88B5;
constexpr size_t kTapBufferSize = 2048;

std::string Ethernet(const std::string& payload) {
  const std::string header("\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x88\xB5", kEthernetHeaderSize);
  std::string frame = header + payload;
  frame.resize(std::max<size_t>(frame.size(), 60), '.');
  return frame;
}

// As a TAP carries it: behind a virtio-net header that asks for nothing.
std::string OnTap(const std::string& frame) {
  return std::string(kVirtioNetHeaderSize, '\0') + frame;
}

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

class RingTapTest : public RingFixture {
 protected:
  // A TAP, and the interface as its host sees it.
  struct Tap {
    explicit Tap(const std::string& name) : device(*OpenTap({.name = name})) {}
    TapDevice device;
    [[nodiscard]] int fd() const { return device.file.get(); }
  };

  void SetUp() override {
    const std::string why = NetnsSandbox::WhyUnavailable();
    if (!why.empty()) GTEST_SKIP() << why;
    sandbox_.emplace();
    Make({});
  }

  BufferPool& MakePool(BufferId count) { return RingFixture::MakePool(count, kTapBufferSize); }

  std::optional<NetnsSandbox> sandbox_;
};

INSTANTIATE_TEST_SUITE_P(Rings, RingTapTest, testing::ValuesIn(kRingKinds), RingKindName);

TEST_P(RingTapTest, WritesAreDoneInOrderWhenSubmitReturns) {
  const Tap tap("vnet0");
  const PacketSocket host("vnet0", kExperimental);
  const FileSlot file = Add(tap.fd());
  constexpr int kFrames = 200;
  for (int i = 0; i < kFrames; ++i) {
    std::vector<std::string> frames{OnTap(Ethernet(std::to_string(i)))};
    ASSERT_EQ(Write(file, frames), 1U);
    ring_->Submit();
    frames[0].assign(frames[0].size(), 'x');  // the buffer's next frame
  }
  for (int i = 0; i < kFrames; ++i) {
    const auto received = host.Receive();
    const std::string expected = Ethernet(std::to_string(i));
    ASSERT_TRUE(std::ranges::equal(received, Bytes(expected))) << "frame " << i;
  }
  EXPECT_TRUE(Look().empty());
}

TEST_P(RingTapTest, ABurstLongerThanThePoolIsReadInOrder) {
  const Tap tap("vnet0");
  const PacketSocket host("vnet0", kExperimental);
  const FileSlot file = Add(tap.fd(), &MakePool(32));
  constexpr int kFrames = 500;
  for (int i = 0; i < kFrames; ++i) host.Send(Bytes(Ethernet(std::to_string(i))));
  ring_->StartRead(file, kReadTag);
  int read = 0;
  int pauses = 0;
  while (read < kFrames) {
    bool ended = false;
    const std::vector<RingEvent> events = Await(1);
    ASSERT_FALSE(events.empty());
    for (const RingEvent& event : events) {
      ended = ended || !event.completion.more;
      if (!event.completion.buffer) {
        ASSERT_EQ(event.completion.result, -ENOBUFS);
        ++pauses;
        continue;
      }
      ASSERT_EQ(event.bytes.substr(kVirtioNetHeaderSize), Ethernet(std::to_string(read++)));
    }
    GiveBack(file);
    if (ended) ring_->StartRead(file, kReadTag);
  }
  EXPECT_GE(pauses, kFrames / 32 - 1) << "the pool is the quota of a turn";
  Stop(file);
}

TEST_P(RingTapTest, AFrameLongerThanABufferFillsIt) {
  const Tap tap("vnet0");
  const PacketSocket host("vnet0", kExperimental);
  const FileSlot file = Add(tap.fd(), &RingFixture::MakePool(2, 128));
  ring_->StartRead(file, kReadTag);
  host.Send(Bytes(Ethernet(std::string(1000, 'l'))));
  const std::vector<RingEvent> events = Await(1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].completion.result, 128);
  Stop(file);
}

// Multishot operations on TAPs were reported to answer seconds late (axboe/liburing issue 1041).
TEST_P(RingTapTest, AFrameEndsAWaitAtOnce) {
  const Tap tap("vnet0");
  const PacketSocket host("vnet0", kExperimental);
  // Room for all frames, so that a slow machine cannot end the read for want of a buffer.
  const FileSlot file = Add(tap.fd(), &MakePool(256));
  ring_->StartRead(file, kReadTag);
  EXPECT_TRUE(Look().empty());
  constexpr int kFrames = 200;
  std::thread sender([&host] {
    for (int i = 0; i < kFrames; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the ring is asleep again
      const int64_t now = steady_clock::now().time_since_epoch().count();
      std::string payload(sizeof(now), '\0');
      std::memcpy(payload.data(), &now, sizeof(now));
      host.Send(Bytes(Ethernet(payload)));
    }
  });
  steady_clock::duration worst{};
  int read = 0;
  while (read < kFrames) {
    const std::vector<RingEvent> events = Await(1);
    if (events.empty()) break;
    for (const RingEvent& event : events) {
      if (event.bytes.empty()) {
        ADD_FAILURE() << "the read ended with " << event.completion.result;
        continue;
      }
      int64_t sent = 0;
      std::memcpy(&sent, event.bytes.data() + kVirtioNetHeaderSize + kEthernetHeaderSize,
                  sizeof(sent));
      worst =
          std::max(worst, steady_clock::now().time_since_epoch() - steady_clock::duration(sent));
      ++read;
    }
    GiveBack(file);
  }
  sender.join();
  EXPECT_EQ(read, kFrames);
  EXPECT_LT(worst, std::chrono::seconds(1)) << "a wake-up takes tens of microseconds";
  Stop(file);
}

TEST_P(RingTapTest, AnInterfaceThatIsDownFailsItsOwnWritesOnly) {
  const Tap down("vnet0");
  const Tap up("vnet1");
  const PacketSocket host("vnet1", kExperimental);
  const FileSlot down_file = Add(down.fd());
  const FileSlot up_file = Add(up.fd());
  sandbox_->Run("ip link set vnet0 down");
  const std::vector<std::string> first{OnTap(Ethernet("lost"))};
  const std::vector<std::string> second{OnTap(Ethernet("arrives"))};
  ASSERT_EQ(Write(down_file, first), 1U);
  ring_->Submit();
  ASSERT_EQ(Write(up_file, second), 1U);
  const std::vector<RingEvent> events = Await(1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].completion.result, -EIO);
  EXPECT_EQ(events[0].completion.lost, (LostFrames{.frames = 1, .bytes = first[0].size()}));
  EXPECT_TRUE(std::ranges::equal(host.Receive(), Bytes(Ethernet("arrives"))));
}

TEST_P(RingTapTest, ADeletedDeviceEndsItsReadAndFailsItsWrites) {
  const Tap tap("vnet0");
  const FileSlot file = Add(tap.fd(), &MakePool(8));
  ring_->StartRead(file, kReadTag);
  EXPECT_TRUE(Look().empty());
  sandbox_->Run("ip link delete vnet0");
  const std::vector<RingEvent> events = Await(1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].completion.tag, kReadTag);
  EXPECT_EQ(events[0].completion.result, -EBADFD);
  EXPECT_FALSE(events[0].completion.more);

  const std::vector<std::string> frames{OnTap(Ethernet("to nobody"))};
  ASSERT_EQ(Write(file, frames), 1U);
  const std::vector<RingEvent> failed = Await(1);
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].completion.result, -EBADFD);
  ring_->RemoveFile(file);
}

// The kernel keeps a file for as long as an operation on it is in flight; a TAP without
// persistence is to vanish with its port, not with the switch.
TEST_P(RingTapTest, AFileThatWasRemovedIsLetGo) {
  std::optional<Tap> tap(std::in_place, "vnet0");
  const FileSlot file = Add(tap->fd(), &MakePool(8));
  ring_->StartRead(file, kReadTag);
  EXPECT_TRUE(Look().empty());
  ASSERT_NO_FATAL_FAILURE(Stop(file));
  tap.reset();
  const auto deadline = steady_clock::now() + kPatience;
  bool gone = false;
  while (!gone && steady_clock::now() < deadline) {
    EXPECT_TRUE(Turn(std::chrono::milliseconds(1)).empty());
    gone = sandbox_->TryRun("ip link show vnet0").status != 0;
  }
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace tapswitch::ring_tap_test
