// What a TAP port receives and sends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "tests/support/tap_port_fixture.h"

namespace tapswitch::tap_port_test {
namespace {

using testing::HasSubstr;

// A UDP datagram over IPv4 whose checksum is still to be filled in.
Bytes UdpFrame() {
  return FrameBuilder(kBob, kAlice)
      .Type(EtherType::kIpv4)
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

constexpr VirtioNetHeader kUdpChecksum{
    .needs_checksum = true, .checksum_start = 34, .checksum_offset = 6};

// ---- Receiving

// Whether memory has been given to the page, which is not touched by the question.
bool IsResident(const std::byte* address) {
  const auto page = static_cast<size_t>(getpagesize());
  auto* const start = const_cast<std::byte*>(address) - reinterpret_cast<uintptr_t>(address) % page;
  unsigned char answer = 0;
  EXPECT_EQ(mincore(start, page, &answer), 0);
  return (answer & 1U) != 0;
}

TEST_F(TapPortTest, ReadsFromItsStartAndTakesTheStateOfTheInterface) {
  EXPECT_TRUE(ring_.reading(kFile));
  EXPECT_TRUE(status().link_up);
  EXPECT_EQ(status().reason, "");
  EXPECT_EQ(status().mtu, 1500U);
  EXPECT_EQ(status().accepted, OffloadSet::All());
}

TEST_F(TapPortTest, AFrameComesInAsItLiesInItsBuffer) {
  const Bytes frame = FrameOf(60);
  ring_.Arrive(kFile, Wire(frame));
  Turn([&](const FrameBatch& batch) {
    ASSERT_EQ(batch.frames().size(), 1U);
    const Frame& received = batch.frames()[0];
    EXPECT_EQ(received.wire.size, kVirtioNetHeaderSize + 60);
    EXPECT_EQ(Bytes(received.bytes().begin(), received.bytes().end()), frame);
    EXPECT_EQ(received.needed, OffloadSet());
    EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount - 1U) << "the frame is in use";
  });
  EXPECT_EQ(counters_.received, (FrameCounter{.frames = 1, .bytes = 60}));
  EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount);
}

TEST_F(TapPortTest, GivesBackTheMemoryOfItsBuffersWhenItHasBeenQuietBetweenTwoRests) {
  const std::byte* received = nullptr;
  ring_.Arrive(kFile, Wire(FrameOf(60)));
  Turn([&](const FrameBatch& batch) { received = batch.frames()[0].wire.data; });
  EXPECT_TRUE(IsResident(received));
  port_->ReleaseIdleMemory();
  EXPECT_TRUE(IsResident(received)) << "it was used since it started";
  port_->ReleaseIdleMemory();
  EXPECT_FALSE(IsResident(received));

  const Bytes frame = FrameOf(61);
  ring_.Arrive(kFile, Wire(frame));
  EXPECT_EQ(Turn(), std::vector<Bytes>{frame}) << "it goes on as before";
}

TEST_F(TapPortTest, AFrameWithUnfinishedWorkBringsAValidatedHeader) {
  VirtioNetHeader header = kUdpChecksum;
  header.header_length = 999;  // stale, as kernels leave it
  ring_.Arrive(kFile, Wire(UdpFrame(), header));
  Turn([&](const FrameBatch& batch) {
    ASSERT_EQ(batch.frames().size(), 1U);
    const Frame& received = batch.frames()[0];
    EXPECT_TRUE(received.needed.contains(Offload::kChecksum));
    EXPECT_EQ(received.offload, kUdpChecksum);
    const auto stored = ParseVirtioNetHeader(
        std::span<const std::byte, kVirtioNetHeaderSize>(received.wire.data, kVirtioNetHeaderSize));
    EXPECT_EQ(stored, kUdpChecksum) << "the header in memory leaves with the frame";
  });
}

TEST_F(TapPortTest, AHeaderThatContradictsItsFrameIsDroppedAndCounted) {
  VirtioNetHeader beyond = kUdpChecksum;
  beyond.checksum_start = 5000;
  ring_.Arrive(kFile, Wire(UdpFrame(), beyond));
  Bytes unknown = Wire(FrameOf(60));
  unknown[1] = std::byte{3};  // VIRTIO_NET_HDR_GSO_UDP: UFO, which nobody offers any more
  ring_.Arrive(kFile, unknown);
  EXPECT_TRUE(Turn().empty());
  EXPECT_EQ(dropped(DropReason::kBadOffloadHeader), 1U);
  EXPECT_EQ(dropped(DropReason::kUnsupportedOffload), 1U);
  EXPECT_EQ(counters_.received.frames, 2U);
  EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount);
}

TEST_F(TapPortTest, AFrameThatFillsItsBufferWasCutAndIsDropped) {
  ring_.Arrive(kFile, Wire(FrameOf(kReceiveBufferSize + 1000)));
  ring_.Arrive(kFile, Wire(FrameOf(kReceiveBufferSize - kVirtioNetHeaderSize - 1)));
  EXPECT_EQ(Turn().size(), 1U) << "one byte less is whole";
  EXPECT_EQ(dropped(DropReason::kTruncated), 1U);
  EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount);
}

TEST_F(TapPortTest, ARuntIsDropped) {
  for (const size_t size : {1U, 9U, 10U, 23U}) ring_.Arrive(kFile, Bytes(size));
  ring_.Arrive(kFile, Wire(FrameOf(14)));
  EXPECT_EQ(Turn().size(), 1U) << "a header alone is a frame";
  EXPECT_EQ(dropped(DropReason::kRunt), 4U);
  EXPECT_EQ(counters_.received, (FrameCounter{.frames = 5, .bytes = 0 + 0 + 0 + 13 + 14}));
}

TEST_F(TapPortTest, WithAllBuffersInUseReadingGoesOnOnceTheyAreBack) {
  for (size_t i = 0; i < size_t{2} * kReceiveBufferCount; ++i)
    ring_.Arrive(kFile, Wire(FrameOf(60 + i)));
  Turn([&](const FrameBatch& batch) {
    EXPECT_EQ(batch.frames().size(), kReceiveBufferCount);
    EXPECT_FALSE(ring_.reading(kFile)) << "ENOBUFS: starting again now would fail at once";
  });
  EXPECT_TRUE(ring_.reading(kFile));
  EXPECT_EQ(Turn().size(), kReceiveBufferCount);
  EXPECT_EQ(counters_.received.frames, size_t{2} * kReceiveBufferCount);
  EXPECT_TRUE(status().link_up);
}

TEST_F(TapPortTest, BringsNoMoreFramesIntoATurnThanItIsAllowed) {
  for (size_t i = 0; i < size_t{4} * kReceiveBufferCount; ++i)
    ring_.Arrive(kFile, Wire(FrameOf(60)));
  port_->LimitReceiving(5);
  EXPECT_EQ(Turn().size(), kReceiveBufferCount) << "the ring had all buffers already";
  EXPECT_EQ(ring_.free_buffers(kFile), 5U);
  EXPECT_EQ(Turn().size(), 5U);
  port_->LimitReceiving(7);
  EXPECT_EQ(Turn().size(), 5U);
  EXPECT_EQ(Turn().size(), 7U);
  port_->LimitReceiving(1);
  EXPECT_EQ(Turn().size(), 7U);
  EXPECT_EQ(Turn().size(), 1U);
  port_->LimitReceiving(10'000);
  EXPECT_EQ(Turn().size(), 1U);
  EXPECT_EQ(Turn().size(), kReceiveBufferCount) << "all are with the ring again";
}

TEST_F(TapPortTest, AReadThatEndsWithAFrameDeliversItAndIsStartedAgain) {
  ring_.SetCompletionRoom(1);
  for (size_t i = 0; i < 3; ++i) ring_.Arrive(kFile, Wire(FrameOf(60 + i)));
  std::vector<size_t> sizes;
  for (int turn = 0; turn < 6; ++turn) {
    for (const Bytes& frame : Turn()) sizes.push_back(frame.size());
  }
  EXPECT_EQ(sizes, (std::vector<size_t>{60, 61, 62}));
  EXPECT_GT(ring_.overflows(), 0U);
  EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount);
}

TEST_F(TapPortTest, AReadErrorIsTriedAgainOnce) {
  ring_.FailRead(kFile, ENOMEM);
  EXPECT_TRUE(Turn().empty());
  EXPECT_TRUE(ring_.reading(kFile));
  EXPECT_TRUE(status().link_up);
  EXPECT_EQ(ring_.free_buffers(kFile), kReceiveBufferCount) << "an error brings no buffer";

  ring_.Arrive(kFile, Wire(FrameOf(60)));
  EXPECT_EQ(Turn().size(), 1U);
  ring_.FailRead(kFile, ENOMEM);
  Turn();
  EXPECT_TRUE(ring_.reading(kFile)) << "after a frame the count begins anew";
}

TEST_F(TapPortTest, AReadErrorThatRepeatsTakesThePortDownUntilTheLinkComesUp) {
  for (int i = 0; i < 2; ++i) {
    ring_.FailRead(kFile, ENOMEM);
    Turn();
  }
  EXPECT_FALSE(ring_.reading(kFile));
  EXPECT_FALSE(status().link_up);
  EXPECT_THAT(status().reason, HasSubstr("Cannot allocate memory"));

  Announce(UpLink());
  EXPECT_TRUE(ring_.reading(kFile));
  EXPECT_TRUE(status().link_up);
  ring_.Arrive(kFile, Wire(FrameOf(60)));
  EXPECT_EQ(Turn().size(), 1U);
}

TEST_F(TapPortTest, CompletionsOfAnEarlierLifeOfThePortIdAreIgnored) {
  const Tag earlier_read{
      .operation = Operation::kRead, .port = kPort, .generation = kGeneration - 1};
  const Tag earlier_write{
      .operation = Operation::kWrite, .port = kPort, .generation = kGeneration - 1};
  ring_.Complete({.tag = earlier_read, .result = 70, .more = true, .buffer = BufferId{0}});
  ring_.Complete({.tag = earlier_read, .result = -ECANCELED});
  ring_.Complete({.tag = earlier_write, .result = -EIO, .lost = {.frames = 1, .bytes = 60}});
  EXPECT_TRUE(Turn().empty());
  EXPECT_EQ(counters_, PortCounters());
  EXPECT_TRUE(status().link_up);
  EXPECT_EQ(queries_, 1) << "only Start asked";
}

// ---- Sending

TEST_F(TapPortTest, FramesLeaveInOrderAndAreCounted) {
  const std::vector<Bytes> wires{Wire(FrameOf(60)), Wire(FrameOf(100)), Wire(FrameOf(80))};
  Send(wires);
  Turn();
  ASSERT_EQ(ring_.written().size(), 3U);
  for (size_t i = 0; i < wires.size(); ++i) EXPECT_EQ(ring_.written()[i].bytes, wires[i]);
  EXPECT_EQ(counters_.sent, (FrameCounter{.frames = 3, .bytes = 240}));
}

TEST_F(TapPortTest, AFullSubmissionQueueIsSubmittedUnderWay) {
  ring_.SetSubmissionEntries(2);
  std::vector<Bytes> wires;
  for (size_t i = 0; i < 7; ++i) wires.push_back(Wire(FrameOf(60 + i)));
  Send(wires);
  Turn();
  ASSERT_EQ(ring_.written().size(), 7U);
  for (size_t i = 0; i < wires.size(); ++i) EXPECT_EQ(ring_.written()[i].bytes, wires[i]);
  EXPECT_EQ(ring_.submits(), 3U);
  EXPECT_EQ(counters_.sent.frames, 7U);
}

TEST_F(TapPortTest, AQueueThatStaysFullCostsTheFramesNotTheSwitch) {
  ring_.SetSubmissionEntries(0);
  Send(std::vector<Bytes>{Wire(FrameOf(60)), Wire(FrameOf(60))});
  EXPECT_EQ(dropped(DropReason::kNoMemory), 2U);
  EXPECT_EQ(counters_.sent, FrameCounter());
}

TEST_F(TapPortTest, AFailedWriteIsNoLongerSentButDroppedByItsReason) {
  struct Case {
    int error;
    DropReason reason;
  };
  for (const auto& [error, reason] :
       {Case{ENOMEM, DropReason::kNoMemory}, Case{ENOBUFS, DropReason::kNoMemory},
        Case{EINVAL, DropReason::kWriteFailed}, Case{EIO, DropReason::kLinkDown}}) {
    SCOPED_TRACE(error);
    counters_ = {};
    ring_.FailWrites(kFile, error);
    Send(std::vector<Bytes>{Wire(FrameOf(60)), Wire(FrameOf(100))});
    Turn();
    EXPECT_EQ(counters_.sent, (FrameCounter{.frames = 1, .bytes = 100}));
    EXPECT_EQ(dropped(reason), 1U);
    EXPECT_TRUE(status().link_up) << "the kernel says that the interface is up";
  }
}

TEST_F(TapPortTest, EioTakesThePortDownWhenTheKernelSaysSoAndDropsWithoutWriting) {
  answer_ = DownLink();
  ring_.FailWrites(kFile, EIO, 3);
  const std::vector<Bytes> wires(3, Wire(FrameOf(60)));
  Send(wires);
  Turn();
  EXPECT_FALSE(status().link_up);
  EXPECT_EQ(status().reason, "interface is down");
  EXPECT_EQ(dropped(DropReason::kLinkDown), 3U);
  EXPECT_EQ(counters_.sent, FrameCounter());
  EXPECT_EQ(queries_, 2) << "one question for all three";

  Send(wires);
  Turn();
  EXPECT_EQ(dropped(DropReason::kLinkDown), 6U);
  EXPECT_TRUE(ring_.written().empty());
  EXPECT_EQ(queries_, 2);

  Announce(UpLink());
  EXPECT_TRUE(status().link_up);
  Send(wires);
  Turn();
  EXPECT_EQ(ring_.written().size(), 3U) << "nothing but the event was needed";
}

TEST_F(TapPortTest, AnErrorThatIsOlderThanTheLinkComingUpDoesNotTakeItDown) {
  Announce(DownLink());
  Announce(UpLink());
  const Tag late{.operation = Operation::kWrite, .port = kPort, .generation = kGeneration};
  counters_.sent.Add(60);
  ring_.Complete({.tag = late, .result = -EIO, .lost = {.frames = 1, .bytes = 60}});
  Turn();
  EXPECT_TRUE(status().link_up);
}

}  // namespace
}  // namespace tapswitch::tap_port_test
