// What a capture takes of the frames that pass, and what becomes of it when nobody reads.

#include "switch/capture/capture_point.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>
#include <vector>

#include "switch/forwarding/offload/virtio_net.h"

namespace tapswitch::capture_point_test {
namespace {

using Bytes = std::vector<std::byte>;
using enum CapturePoint::Direction;

constexpr PortId kA{0};
constexpr PortId kB{1};

class CapturePointTest : public ::testing::Test {
 protected:
  CapturePoint& Start(CapturePoint::Options options) {
    if (options.memory == 0) options.memory = 1U << 16U;
    if (options.snap_length == 0) options.snap_length = 65536;
    return point_.emplace(std::move(options), wake_);
  }

  // A frame whose bytes count up from `first`, in two pieces.
  void Take(PortId port, size_t size, uint8_t first = 0, uint64_t time = 1) {
    Bytes wire(kVirtioNetHeaderSize);
    for (size_t i = 0; i < size; ++i) wire.push_back(static_cast<std::byte>(first + i));
    const size_t cut = kVirtioNetHeaderSize + size / 2;
    const std::array<Piece, 2> pieces{{{wire.data(), cut}, {wire.data() + cut, wire.size() - cut}}};
    point_->Take(port, kInbound, time, {.pieces = pieces, .size = size});
  }

  [[nodiscard]] bool IsAwake() const {
    pollfd ready{.fd = wake_.fd(), .events = POLLIN, .revents = 0};
    return poll(&ready, 1, 0) == 1;
  }

  WakeEvent wake_ = *WakeEvent::Create();
  std::optional<CapturePoint> point_;
};

TEST_F(CapturePointTest, GathersAFrame) {
  Start({.ports = PortSet::Of(kA)});
  Take(kA, 60, 5, 1234567890123456789);
  const auto record = point_->Front();
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->port, kA);
  EXPECT_EQ(record->direction, kInbound);
  EXPECT_EQ(record->time, 1234567890123456789U);
  EXPECT_EQ(record->length, 60U);
  ASSERT_EQ(record->bytes.size(), 60U);
  for (size_t i = 0; i < 60; ++i) EXPECT_EQ(record->bytes[i], static_cast<std::byte>(5 + i));
  point_->Pop();
  EXPECT_FALSE(point_->Front().has_value());
}

TEST_F(CapturePointTest, TakesOnlyWhatIsWanted) {
  const std::vector<PacketFilter::Instruction> longer_than_60{
      {0x80, 0, 0, 0}, {0x25, 0, 1, 60}, {0x06, 0, 0, 1}, {0x06, 0, 0, 0}};
  Start({.ports = PortSet::Of(kA), .filter = *PacketFilter::Make(longer_than_60)});
  Take(kA, 60);
  Take(kA, 61);
  Take(kB, 61);
  ASSERT_TRUE(point_->Front().has_value());
  EXPECT_EQ(point_->Front()->length, 61U);
  point_->Pop();
  EXPECT_FALSE(point_->Front().has_value());
  EXPECT_EQ(point_->counts(kA).seen, 2U);
  EXPECT_EQ(point_->counts(kA).taken, 1U);
  EXPECT_EQ(point_->counts(kB).seen, 0U);
}

TEST_F(CapturePointTest, KeepsNoMoreOfAFrameThanWanted) {
  Start({.ports = PortSet::Of(kA), .snap_length = 33});
  Take(kA, 100);
  EXPECT_EQ(point_->Front()->length, 100U);
  EXPECT_EQ(point_->Front()->bytes.size(), 33U);
  EXPECT_EQ(point_->Front()->bytes[32], std::byte{32});
}

TEST_F(CapturePointTest, WhatIsNotReadInTimeIsLostAndCounted) {
  Start({.ports = PortSet::All(), .memory = 1024});
  for (int i = 0; i < 100; ++i) Take(i % 2 == 0 ? kA : kB, 100);
  size_t read = 0;
  for (; point_->Front().has_value(); ++read) {
    EXPECT_EQ(point_->Front()->lost, 0U);
    point_->Pop();
  }
  EXPECT_GT(read, 4U);
  EXPECT_EQ(read + point_->counts(kA).lost + point_->counts(kB).lost, 100U);
  Take(kA, 100);
  EXPECT_EQ(point_->Front()->lost, point_->counts(kA).lost) << "the next one tells";
  Take(kA, 100);
  point_->Pop();
  EXPECT_EQ(point_->Front()->lost, 0U);
}

TEST_F(CapturePointTest, AReaderIsWokenOnceItHasFoundNothing) {
  Start({.ports = PortSet::Of(kA)});
  point_->WakeReader();
  EXPECT_FALSE(IsAwake()) << "there is nothing";
  Take(kA, 60);
  point_->WakeReader();
  EXPECT_TRUE(IsAwake());
  wake_.Clear();
  Take(kA, 60);
  point_->WakeReader();
  EXPECT_FALSE(IsAwake()) << "it is on its way";
  while (point_->Front().has_value()) point_->Pop();
  Take(kA, 60);
  point_->WakeReader();
  EXPECT_TRUE(IsAwake());
}

// A writer that never waits, and a reader that sleeps in between.
TEST_F(CapturePointTest, EveryFrameIsReadOrCountedAndNoneIsMixedUp) {
  constexpr int kFrames = 200'000;
  Start({.ports = PortSet::Of(kA), .memory = 1U << 14U});
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < kFrames; ++i) {
      Take(kA, 14 + static_cast<size_t>(i % 300), static_cast<uint8_t>(i),
           static_cast<uint64_t>(i));
      if (i % 32 == 0) point_->WakeReader();
    }
    point_->WakeReader();
    done = true;
  });
  uint64_t read = 0;
  uint64_t lost = 0;
  uint64_t expected = 0;
  for (;;) {
    const bool was_done = done;
    const auto record = point_->Front();
    if (!record && was_done) break;
    if (!record) {
      pollfd ready{.fd = wake_.fd(), .events = POLLIN, .revents = 0};
      poll(&ready, 1, 10);
      wake_.Clear();
      continue;
    }
    lost += record->lost;
    expected += record->lost;
    ASSERT_EQ(record->time, expected++);
    ASSERT_EQ(record->bytes.size(), 14 + record->time % 300);
    ASSERT_EQ(record->bytes.back(),
              static_cast<std::byte>(record->time + record->bytes.size() - 1));
    ++read;
    point_->Pop();
  }
  writer.join();
  EXPECT_EQ(read + point_->counts(kA).lost, static_cast<uint64_t>(kFrames));
  EXPECT_LE(lost, point_->counts(kA).lost);
}

}  // namespace
}  // namespace tapswitch::capture_point_test
