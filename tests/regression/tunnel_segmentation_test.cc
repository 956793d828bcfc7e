// Frames of tunnels that a station's stack leaves uncut were dropped as bad_offload_header, and SCTP
// got the Internet checksum where it wants a CRC32c.

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <vector>

#include "switch/forwarding/egress_builder.h"
#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/offload/validation.h"
#include "tests/support/random_ip_packet.h"
#include "tests/support/segments.h"
#include "tests/support/test_frames.h"
#include "tests/support/tunnel_packet.h"

namespace tapswitch {
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

TEST(TunnelSegmentationTest, APortThatTakesAllOffloadsGetsTheSegments) {
  TestFrames frames;
  const IpPacket inner{.payload = Bytes(3000, std::byte{5})};
  for (const Kind kind : {Kind::kVxlan, Kind::kGre}) {
    const Tunnel tunnel{.kind = kind, .checksum = true};
    const UncutTunnel uncut = UnfinishedTunnel(tunnel, inner, 1000);
    std::vector<Frame> batch = {frames.WithOffload(
        PortId{0}, uncut.bytes, ValidateOffload(uncut.header, uncut.bytes).value())};
    EgressBuilder builder;
    builder.Begin(batch);
    ASSERT_EQ(builder.Append({.frame = 0}, {.accepted = OffloadSet::All(), .mtu = 1500}),
              EgressBuilder::Result::kAppended);
    std::vector<Bytes> sent;
    for (const WireFrame& frame : builder.frames()) {
      const auto wire = Gather(frame);
      EXPECT_TRUE(std::ranges::all_of(std::span(wire).first(kVirtioNetHeaderSize),
                                      [](std::byte byte) { return byte == std::byte{0}; }));
      sent.emplace_back(wire.begin() + kVirtioNetHeaderSize, wire.end());
    }
    EXPECT_EQ(sent, NaiveTunnelSegments(tunnel, inner, 1000));
  }
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
}  // namespace tapswitch
