// A capture as a file: interfaces as ports come and go, losses, and the statistics at the end.

#include "switch/capture/capture_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "switch/forwarding/offload/virtio_net.h"
#include "tests/support/pcapng_blocks.h"

namespace tapswitch::capture_writer_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class StoppedClock final : public Clock {
 public:
  [[nodiscard]] Tick Now() const override { return {}; }
  [[nodiscard]] uint64_t RealTime() const override { return 42; }
};

constexpr PortId kA{0};
constexpr PortId kB{1};
constexpr size_t kAll = size_t{1} << 30U;

class CaptureWriterTest : public ::testing::Test {
 protected:
  explicit CaptureWriterTest(size_t memory = 1U << 16U)
      : point_({.ports = PortSet::All(), .snap_length = 1000, .memory = memory}, wake_) {}

  CaptureWriter Writer(CaptureWriter::Options options = {.snap_length = 1000}) {
    return {options, point_, clock_, [this](PortId id) { return names_[id]; }};
  }

  void Take(PortId port, size_t size, CapturePoint::Note note = CapturePoint::Note::kNone) {
    const std::vector<std::byte> wire(kVirtioNetHeaderSize + size);
    const Piece piece{wire.data(), wire.size()};
    point_.Take(port, CapturePoint::Direction::kInbound, 1, {.pieces = {&piece, 1}, .size = size},
                note);
  }

  // All that can be written now.
  std::vector<std::string> Write(CaptureWriter& writer) {
    std::string out;
    writer.Write(kAll, out);
    return PcapngBlocks(out);
  }
  static std::vector<std::string> Finish(CaptureWriter& writer) {
    std::string out;
    writer.Finish(out);
    return PcapngBlocks(out);
  }

  StoppedClock clock_;
  WakeEvent wake_ = *WakeEvent::Create();
  std::map<PortId, std::string> names_{{kA, "a"}, {kB, "b"}};
  CapturePoint point_;
};

TEST_F(CaptureWriterTest, AFileFromItsBeginningToItsEnd) {
  CaptureWriter writer = Writer();
  std::string out;
  CaptureWriter::Begin(out);
  writer.AddPort(kA, out);
  writer.AddPort(kB, out);
  EXPECT_THAT(PcapngBlocks(out), ElementsAre("section", "interface a", "interface b"));
  Take(kB, 60);
  Take(kA, 70);
  EXPECT_THAT(Write(writer), ElementsAre("packet 1 60", "packet 0 70"));
  EXPECT_THAT(Write(writer), IsEmpty());
  EXPECT_THAT(Finish(writer),
              ElementsAre("statistics 0 seen 1 lost 0", "statistics 1 seen 1 lost 0"));
}

TEST_F(CaptureWriterTest, APortThatComesLaterIsAnnouncedBeforeItsFirstPacket) {
  CaptureWriter writer = Writer();
  Take(kA, 60);
  EXPECT_THAT(Write(writer), ElementsAre("interface a", "packet 0 60"));
  Take(kB, 60);
  EXPECT_THAT(Write(writer), ElementsAre("interface b", "packet 1 60"));
}

TEST_F(CaptureWriterTest, APortWithTheIdOfOneThatHasGoneIsAnother) {
  CaptureWriter writer = Writer();
  Take(kA, 60);
  Write(writer);
  Take(kA, 61);
  writer.ForgetPort(kA);
  names_[kA] = "new";
  Take(kA, 62);
  EXPECT_THAT(Write(writer), ElementsAre("packet 0 61", "statistics 0 seen 2 lost 0",
                                         "interface new", "packet 1 62"));
  EXPECT_THAT(Finish(writer), ElementsAre("statistics 1 seen 1 lost 0"));
}

TEST_F(CaptureWriterTest, APortThatIsFirstSeenWhenItHasGoneHasItsOldName) {
  CaptureWriter writer = Writer();
  Take(kA, 60);
  writer.ForgetPort(kA);
  names_[kA] = "new";
  Take(kA, 61);
  writer.ForgetPort(kA);
  names_[kA] = "newest";
  EXPECT_THAT(Write(writer),
              ElementsAre("interface a", "packet 0 60", "statistics 0 seen 1 lost 0",
                          "interface new", "packet 1 61", "statistics 1 seen 1 lost 0"));
}

TEST_F(CaptureWriterTest, FramesThatWereImpairedHaveAComment) {
  CaptureWriter writer = Writer();
  Take(kA, 60, CapturePoint::Note::kImpairedLoss);
  Take(kA, 61);
  Take(kA, 62, CapturePoint::Note::kCorrupted);
  EXPECT_THAT(Write(writer),
              ElementsAre("interface a", "packet 0 60 # impaired: lost", "packet 0 61",
                          "packet 0 62 # impaired: corrupted on the way"));
}

TEST_F(CaptureWriterTest, ItEndsWithThePacketsThatWereAskedFor) {
  CaptureWriter writer = Writer({.snap_length = 1000, .count = 2});
  for (int i = 0; i < 3; ++i) Take(kA, 60);
  std::string out;
  EXPECT_EQ(writer.Write(kAll, out), CaptureWriter::State::kEnded);
  EXPECT_THAT(PcapngBlocks(out), ElementsAre("interface a", "packet 0 60", "packet 0 60"));
}

TEST_F(CaptureWriterTest, ItWritesNoMoreAtOnceThanWanted) {
  CaptureWriter writer = Writer();
  for (int i = 0; i < 100; ++i) Take(kA, 100);
  std::string out;
  EXPECT_EQ(writer.Write(1000, out), CaptureWriter::State::kMore);
  EXPECT_LT(out.size(), 1200U);
}

class SmallCaptureWriterTest : public CaptureWriterTest {
 protected:
  SmallCaptureWriterTest() : CaptureWriterTest(256) {}
};

TEST_F(SmallCaptureWriterTest, WhatIsLostIsToldAsSoonAsItIsKnown) {
  CaptureWriter writer = Writer();
  for (int i = 0; i < 5; ++i) Take(kA, 60);
  EXPECT_THAT(Write(writer), ElementsAre("interface a", "packet 0 60", "packet 0 60"));
  Take(kA, 61);
  EXPECT_THAT(Write(writer), ElementsAre("packet 0 61 lost 3", "statistics 0 lost 3"));
  EXPECT_THAT(Finish(writer), ElementsAre("statistics 0 seen 6 lost 3"));
}

}  // namespace
}  // namespace tapswitch::capture_writer_test
