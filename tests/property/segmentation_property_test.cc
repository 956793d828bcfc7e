// Whatever frame comes: what is cut from it is what a sender without the offload would have sent,
// and no header, true or false, leads out of the frame's memory (run it under a sanitizer).

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <span>
#include <tuple>
#include <vector>

#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/offload/segmentation.h"
#include "switch/forwarding/offload/validation.h"
#include "tests/support/ip_packet.h"
#include "tests/support/random_ip_packet.h"
#include "tests/support/segments.h"

namespace tapswitch::segmentation_property_test {
namespace {

// A segment size that a sender could have chosen for the packet.
uint16_t RandomGsoSize(RandomIpPackets& random, const IpPacket& packet) {
  const size_t payload = packet.payload.size();
  const size_t smallest = (payload + kMaxUdpSegments - 1) / kMaxUdpSegments;
  return static_cast<uint16_t>(random.Number(smallest, payload + 1));
}

// Mostly small packets, sometimes as large as IP allows.
IpPacket RandomPacket(RandomIpPackets& random) {
  constexpr size_t kMaxIpHeaders = 40 + 120 + 60;
  return random.Packet(random.Number(0, 19) == 0 ? 65'535 - kMaxIpHeaders : 3000);
}

TEST(SegmentationPropertyTest, SegmentsAreWhatASenderWithoutTheOffloadSends) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomIpPackets random(seed);
    const IpPacket packet = RandomPacket(random);
    const VirtioNetHeader claimed = GsoHeader(packet, RandomGsoSize(random, packet));
    const Bytes frame = UnfinishedFrame(packet);

    const auto header = ValidateOffload(claimed, frame);
    ASSERT_EQ(header, claimed);
    const auto segments = Segments(*header, frame);

    const auto expected = NaiveSegments(packet, claimed.gso_size);
    ASSERT_EQ(segments.size(), expected.size());
    for (size_t i = 0; i < segments.size(); ++i) {
      ASSERT_EQ(segments[i], FinishedFrame(expected[i])) << "segment " << i;
    }
  }
}

TEST(SegmentationPropertyTest, PayloadsAddUpToTheOriginal) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomIpPackets random(seed);
    const IpPacket packet = RandomPacket(random);
    const VirtioNetHeader header = GsoHeader(packet, RandomGsoSize(random, packet));
    Bytes payload;
    for (const Bytes& segment : Segments(header, UnfinishedFrame(packet))) {
      const auto part = std::span(segment).subspan(packet.header_size());
      ASSERT_LE(part.size(), header.gso_size);
      ASSERT_FALSE(part.empty());
      payload.insert(payload.end(), part.begin(), part.end());
    }
    ASSERT_EQ(payload, packet.payload);
  }
}

// Both finish the same work, by different code.
TEST(SegmentationPropertyTest, AFrameOfOneSegmentIsTheFrameWithItsChecksumFinished) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomIpPackets random(seed);
    const IpPacket packet = RandomPacket(random);
    Bytes frame = UnfinishedFrame(packet);
    const auto segments = Segments(GsoHeader(packet, 65'534), frame);

    const auto header = ValidateOffload(ChecksumHeader(packet), frame);
    ASSERT_TRUE(header.has_value());
    const uint16_t checksum = FinishedChecksum(*header, frame);
    const size_t field = packet.transport_offset() + packet.checksum_offset();
    frame[field] = static_cast<std::byte>(checksum >> 8U);
    frame[field + 1] = static_cast<std::byte>(checksum & 0xFFU);
    ASSERT_EQ(segments, std::vector<Bytes>{frame});
  }
}

// Changes a few bytes, mostly among the headers, and sometimes the length.
void Mutate(RandomIpPackets& random, Bytes& bytes) {
  for (size_t i = random.Number(1, 3); i > 0 && !bytes.empty(); --i) {
    const size_t at = random.Number(0, std::min<size_t>(bytes.size() - 1, 100));
    bytes[at] = static_cast<std::byte>(random.Number(0, 255));
  }
  if (random.Number(0, 3) == 0) bytes.resize(random.Number(0, bytes.size() + 8));
}

TEST(SegmentationPropertyTest, NoHeaderLeadsOutOfTheFrame) {
  size_t believed = 0;
  for (uint64_t seed = 0; seed < 30'000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomIpPackets random(seed);
    const IpPacket packet = random.Packet(300);
    std::array<std::byte, kVirtioNetHeaderSize> stored{};
    StoreVirtioNetHeader(GsoHeader(packet, RandomGsoSize(random, packet)), stored);
    Bytes wire(stored.begin(), stored.end());
    if (random.Chance()) wire[random.Number(0, 9)] = static_cast<std::byte>(random.Number(0, 255));
    Bytes frame = UnfinishedFrame(packet);
    if (random.Chance()) Mutate(random, frame);
    frame.shrink_to_fit();

    const auto claimed = ParseVirtioNetHeader(std::span(wire).first<kVirtioNetHeaderSize>());
    if (!claimed) continue;
    const auto header = ValidateOffload(*claimed, frame);
    if (!header) continue;
    ++believed;
    ASSERT_EQ(ValidateOffload(*header, frame), header);  // what was believed once, is again
    size_t payload = 0;
    for (const Bytes& segment : Segments(*header, frame)) {
      ASSERT_LE(segment.size(), frame.size());
      payload += segment.size() - header->header_length;
    }
    if (header->gso != GsoType::kNone) {
      ASSERT_EQ(payload, frame.size() - header->header_length);
    } else if (header->needs_checksum) {
      std::ignore = FinishedChecksum(*header, frame);
    }
  }
  EXPECT_GT(believed, 1000);  // else the mutations are too wild to test anything behind validation
}

}  // namespace
}  // namespace tapswitch::segmentation_property_test
