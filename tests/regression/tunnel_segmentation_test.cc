// Frames of tunnels that a station's stack leaves uncut were dropped as bad_offload_header, and
// SCTP got the Internet checksum where it wants a CRC32c.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "switch/forwarding/egress/egress_builder.h"
#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/offload/validation.h"
#include "tests/support/random_ip_packet.h"
#include "tests/support/segments.h"
#include "tests/support/test_frames.h"
#include "tests/support/tunnel_packet.h"

namespace tapswitch::tunnel_segmentation_test {
namespace {

using Kind = Tunnel::Kind;

// With headers that have room in what is looked at.
IpPacket InnerPacket(RandomIpPackets& random) {
  IpPacket packet = random.Packet(3000);
  packet.extensions.resize(std::min<size_t>(packet.extensions.size(), 1));
  packet.final_destination.clear();
  if (!packet.extensions.empty()) packet.extensions[0] = {};
  return packet;
}

Tunnel RandomTunnel(RandomIpPackets& random, Kind kind) {
  return {.kind = kind,
          .outer_ipv6 = random.Chance(),
          .checksum = random.Chance(),
          .key = random.Chance(),
          .options = random.SomeBytes(4 * random.Number(0, 8)),
          .identification = random.Number16()};
}

TEST(TunnelSegmentationTest, SegmentsOfEveryTunnelAreWhatASenderWithoutTheOffloadSends) {
  for (const Kind kind : {Kind::kVxlan, Kind::kVxlanGpe, Kind::kGeneve, Kind::kGue, Kind::kFou,
                          Kind::kGre, Kind::kGretap, Kind::kIp, Kind::kMpls}) {
    for (uint64_t seed = 0; seed < 200; ++seed) {
      SCOPED_TRACE(testing::Message() << "kind " << static_cast<int>(kind) << " seed " << seed);
      RandomIpPackets random(seed);
      const IpPacket inner = InnerPacket(random);
      const Tunnel tunnel = RandomTunnel(random, kind);
      const auto gso_size =
          static_cast<uint16_t>(random.Number(30, std::max<size_t>(30, inner.payload.size())));
      const UncutTunnel uncut = UnfinishedTunnel(tunnel, inner, gso_size);

      const auto header = ValidateOffload(uncut.header, uncut.bytes);
      ASSERT_TRUE(header.has_value());
      ASSERT_TRUE(header->tunnelled);
      ASSERT_EQ(ValidateOffload(*header, uncut.bytes), header);
      ASSERT_FALSE(OffloadSet::All().covers(NeededOffloads(*header, uncut.bytes)));
      ASSERT_EQ(Segments(*header, uncut.bytes), NaiveTunnelSegments(tunnel, inner, gso_size));
    }
  }
}

TEST(TunnelSegmentationTest, NoHeaderLeadsOutOfTheFrame) {
  size_t believed = 0;
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomIpPackets random(seed);
    const Tunnel tunnel = RandomTunnel(random, static_cast<Kind>(random.Number(0, 8)));
    UncutTunnel uncut = UnfinishedTunnel(tunnel, random.Packet(300), 100);
    Bytes& bytes = uncut.bytes;
    for (size_t i = random.Number(0, 2); i > 0; --i) {
      bytes[random.Number(12, std::min<size_t>(bytes.size() - 1, 130))] =
          static_cast<std::byte>(random.Number(0, 255));
    }
    if (random.Number(0, 3) == 0) bytes.resize(random.Number(0, bytes.size()));
    bytes.shrink_to_fit();
    const auto header = ValidateOffload(uncut.header, bytes);
    if (!header) {
      static_cast<void>(IsBeyondTheSwitch(uncut.header, bytes));
      continue;
    }
    ++believed;
    size_t payload = 0;
    for (const Bytes& segment : Segments(*header, bytes)) {
      payload += segment.size() - header->header_length;
    }
    ASSERT_EQ(payload, bytes.size() - header->header_length);
  }
  EXPECT_GT(believed, 1000);
}

TEST(TunnelSegmentationTest, WhatCannotBeRepeatedIsBeyondTheSwitchAndNotBad) {
  const IpPacket inner{.payload = Bytes(3000)};
  UncutTunnel numbered = UnfinishedTunnel({.kind = Kind::kGre, .key = true}, inner, 1000);
  numbered.bytes[34] = std::byte{0x10};  // the key is a sequence number now
  EXPECT_FALSE(ValidateOffload(numbered.header, numbered.bytes).has_value());
  EXPECT_TRUE(IsBeyondTheSwitch(numbered.header, numbered.bytes));

  VirtioNetHeader bad = GsoHeader(inner, 1000);
  bad.checksum_offset = 6;
  EXPECT_FALSE(IsBeyondTheSwitch(bad, UnfinishedFrame(inner)));
}

class TunnelRunsTest : public testing::Test {
 protected:
  // What leaves by a port that takes these offloads, behind virtio-net headers.
  std::vector<Bytes> Send(const UncutTunnel& uncut, EgressFrame copy, OffloadSet accepted) {
    batch_ = {frames_.WithOffload(PortId{0}, uncut.bytes,
                                  ValidateOffload(uncut.header, uncut.bytes).value())};
    builder_.Begin(batch_);
    EXPECT_EQ(builder_.Append(copy, {.accepted = accepted, .mtu = 9000}),
              EgressBuilder::Result::kAppended);
    std::vector<Bytes> sent;
    for (const WireFrame& frame : builder_.frames()) sent.push_back(Gather(frame));
    return sent;
  }

  struct Cut {
    std::vector<Bytes> segments;
    std::vector<bool> was_in_run;
  };

  // Cuts what is left to be cut.
  static Cut CutAll(const std::vector<Bytes>& sent) {
    constexpr size_t kMaxIpSize = 65'535;
    Cut cut;
    for (const Bytes& wire : sent) {
      const auto claimed =
          ParseVirtioNetHeader(std::span(wire).first<kVirtioNetHeaderSize>()).value();
      const Bytes frame(wire.begin() + kVirtioNetHeaderSize, wire.end());
      const bool is_run = claimed.gso != GsoType::kNone;
      EXPECT_LE(frame.size(), kMaxIpSize + kEthernetHeaderSize + kVlanTagSize);
      std::vector<Bytes> parts{frame};
      if (is_run) {
        const auto header = ValidateOffload(claimed, frame);
        EXPECT_EQ(header, claimed) << "as it is, the kernel takes it";
        EXPECT_FALSE(header.value_or(VirtioNetHeader{}).tunnelled);
        parts = Segments(claimed, frame);
        EXPECT_GT(parts.size(), 1U);
        EXPECT_LE(parts.size(), 64U);
      } else {
        EXPECT_FALSE(claimed.needs_checksum);
      }
      cut.segments.insert(cut.segments.end(), parts.begin(), parts.end());
      cut.was_in_run.resize(cut.segments.size(), is_run);
    }
    return cut;
  }

  TestFrames frames_;
  std::vector<Frame> batch_;
  EgressBuilder builder_;
};

constexpr std::array kOverUdp{Kind::kVxlan, Kind::kVxlanGpe, Kind::kGeneve, Kind::kGue, Kind::kFou};

TEST_F(TunnelRunsTest, WhatIsCutFromRunsIsWhatLeavesOneByOne) {
  size_t in_runs = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomIpPackets random(seed);
    const IpPacket inner = InnerPacket(random);
    Tunnel tunnel = RandomTunnel(random, kOverUdp[seed % kOverUdp.size()]);
    const auto gso_size =
        static_cast<uint16_t>(random.Number(30, std::max<size_t>(30, inner.payload.size())));
    const Cut cut = CutAll(Send(UnfinishedTunnel(tunnel, inner, gso_size), {}, OffloadSet::All()));

    const auto alone = NaiveTunnelSegments(tunnel, inner, gso_size);
    tunnel.checksum = true;  // which a run has in any case
    const auto summed = NaiveTunnelSegments(tunnel, inner, gso_size);
    ASSERT_EQ(cut.segments.size(), alone.size());
    for (size_t i = 0; i < alone.size(); ++i) {
      ASSERT_EQ(cut.segments[i], cut.was_in_run[i] ? summed[i] : alone[i]) << i;
      if (cut.was_in_run[i]) ++in_runs;
    }
  }
  EXPECT_GT(in_runs, 1000U);
}

TEST_F(TunnelRunsTest, TheLongestFrameLeavesInRunsThatArePackets) {
  const IpPacket inner{.payload = Bytes(65'000, std::byte{5})};
  for (const uint16_t gso_size : {uint16_t{48}, uint16_t{1398}, uint16_t{8900}}) {
    const Tunnel tunnel{.checksum = true};
    const auto sent = Send(UnfinishedTunnel(tunnel, inner, gso_size), {}, OffloadSet::All());
    const Cut cut = CutAll(sent);
    EXPECT_EQ(cut.segments, NaiveTunnelSegments(tunnel, inner, gso_size));
    EXPECT_LE(sent.size(), 1 + cut.segments.size() / std::min<size_t>(64, 60'000 / gso_size));
  }
}

TEST_F(TunnelRunsTest, TagsArePutOnOnce) {
  const IpPacket inner{.payload = Bytes(3000, std::byte{5})};
  const Tunnel tunnel{.checksum = true};
  const EgressFrame copy{
      .frame = 0, .edit = TagEdit::kPush, .tag = {.protocol = EtherType::kVlan, .control = 5}};
  const Cut cut = CutAll(Send(UnfinishedTunnel(tunnel, inner, 1000), copy, OffloadSet::All()));
  auto expected = NaiveTunnelSegments(tunnel, inner, 1000);
  const auto tag = ByteWriter().U16(0x8100).U16(5).bytes();
  for (Bytes& segment : expected) segment.insert(segment.begin() + 12, tag.begin(), tag.end());
  EXPECT_EQ(cut.segments, expected);
}

TEST_F(TunnelRunsTest, OtherTunnelsAndPortsGetTheSegments) {
  const IpPacket inner{.payload = Bytes(3000, std::byte{5})};
  OffloadSet no_udp = OffloadSet::All();
  no_udp.remove(Offload::kUdp4);
  struct Case {
    Kind kind{};
    OffloadSet accepted;
  };
  for (const Case& one :
       {Case{Kind::kGre, OffloadSet::All()}, Case{Kind::kVxlan, no_udp}, Case{Kind::kVxlan, {}}}) {
    const Tunnel tunnel{.kind = one.kind, .checksum = true};
    const Cut cut = CutAll(Send(UnfinishedTunnel(tunnel, inner, 1000), {}, one.accepted));
    EXPECT_EQ(cut.segments, NaiveTunnelSegments(tunnel, inner, 1000));
    EXPECT_EQ(cut.was_in_run, std::vector<bool>(3, false));
  }
}

TEST_F(TunnelRunsTest, TwoPortsOfOneTurnGetEachItsOwn) {
  const IpPacket inner{.payload = Bytes(3000, std::byte{5})};
  const Tunnel tunnel{.checksum = true};
  const auto runs = Send(UnfinishedTunnel(tunnel, inner, 1000), {}, OffloadSet::All());
  builder_.ClearFrames();
  ASSERT_EQ(builder_.Append(EgressFrame{}, {.accepted = {}, .mtu = 9000}),
            EgressBuilder::Result::kAppended);
  EXPECT_EQ(runs.size(), 1U);
  EXPECT_EQ(builder_.frames().size(), 3U);
}

// The check value of CRC-32C is that of "123456789": 0xE3069283 (RFC 3720 has more). Here the field
// of SCTP counts as zero.
TEST(TunnelSegmentationTest, SctpGetsItsCrc32cWhateverThePortTakes) {
  ByteWriter writer;
  writer.U16(0x0200).U32(2).U16(0x0200).U32(1).U16(0x0800);
  writer.U16(0x4500).U16(20 + 16).U32(0x00004000U).U16(0x4084).U16(0);
  writer.U32(0x0A000001U).U32(0x0A000002U);
  writer.U16(1000).U16(2000).U32(0x01020304U).U32(0xFFFFFFFFU).U32(0x0B000004U);
  const VirtioNetHeader claimed{.needs_checksum = true, .checksum_start = 34, .checksum_offset = 8};
  const auto header = ValidateOffload(claimed, writer.bytes());
  ASSERT_TRUE(header.has_value());
  EXPECT_TRUE(header->crc32c);
  EXPECT_FALSE(OffloadSet::All().covers(NeededOffloads(*header, writer.bytes())));

  // Bit by bit.
  Bytes packet(writer.bytes().begin() + 34, writer.bytes().end());
  std::fill_n(packet.begin() + 8, 4, std::byte{0});
  uint32_t crc = 0xFFFFFFFF;
  for (const std::byte byte : packet) {
    crc ^= static_cast<uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1U) != 0 ? (crc >> 1U) ^ 0x82F63B78U : crc >> 1U;
  }
  crc = ~crc;
  Bytes expected = writer.bytes();
  for (size_t i = 0; i < 4; ++i) expected[42 + i] = static_cast<std::byte>(crc >> (8 * i));

  TestFrames frames;
  std::vector<Frame> batch = {frames.WithOffload(PortId{0}, writer.bytes(), *header)};
  EgressBuilder builder;
  builder.Begin(batch);
  ASSERT_EQ(builder.Append({.frame = 0}, {.accepted = OffloadSet::All(), .mtu = 1500}),
            EgressBuilder::Result::kAppended);
  const auto wire = Gather(builder.frames().front());
  EXPECT_EQ(Bytes(wire.begin() + kVirtioNetHeaderSize, wire.end()), expected);
}

}  // namespace
}  // namespace tapswitch::tunnel_segmentation_test
