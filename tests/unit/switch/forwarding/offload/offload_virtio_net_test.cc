#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <set>

#include "switch/forwarding/offload/virtio_net.h"
#include "tests/support/ip_packet.h"

namespace tapswitch::offload_virtio_net_test {
namespace {

std::optional<VirtioNetHeader> Parse(const Bytes& wire) {
  return ParseVirtioNetHeader(std::span(wire).first<kVirtioNetHeaderSize>());
}

std::optional<VirtioNetHeader> ParseFlags(unsigned flags) {
  return Parse(ByteWriter().U8(flags).U32(0).U32(0).U8(0).bytes());
}

std::optional<VirtioNetHeader> ParseGsoType(unsigned type) {
  return Parse(ByteWriter().U8(0).U8(type).U32(0).U32(0).bytes());
}

TEST(ParseVirtioNetHeaderTest, ReadsLittleEndianFields) {
  // flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
  const auto header = Parse(FromHex("01 81 4200 A805 2200 1000"));
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(*header, (VirtioNetHeader{.needs_checksum = true,
                                      .gso = GsoType::kTcpV4,
                                      .ecn = true,
                                      .header_length = 66,
                                      .gso_size = 1448,
                                      .checksum_start = 34,
                                      .checksum_offset = 16}));
}

TEST(ParseVirtioNetHeaderTest, ZerosSayNothingToDo) {
  EXPECT_EQ(Parse(Bytes(10)), VirtioNetHeader{});
}

TEST(ParseVirtioNetHeaderTest, KnowsTwoFlagsAndRefusesTheOthers) {
  EXPECT_EQ(ParseFlags(1), (VirtioNetHeader{.needs_checksum = true}));
  EXPECT_EQ(ParseFlags(2), (VirtioNetHeader{.data_valid = true}));
  EXPECT_EQ(ParseFlags(3), (VirtioNetHeader{.needs_checksum = true, .data_valid = true}));
  for (unsigned flags = 4; flags < 256; ++flags) {  // RSC_INFO is 4, UDP_TUNNEL_CSUM is 8
    EXPECT_FALSE(ParseFlags(flags).has_value()) << flags;
  }
}

TEST(ParseVirtioNetHeaderTest, KnowsFourGsoTypesWithAndWithoutEcnAndRefusesTheOthers) {
  const std::set<unsigned> known = {0, 1, 4, 5};  // UFO is 3; 0x20 and 0x40 are tunnels
  for (unsigned type = 0; type < 256; ++type) {
    const unsigned ecn = 0x80;
    const auto header = ParseGsoType(type);
    ASSERT_EQ(header.has_value(), known.contains(type & ~ecn)) << type;
    if (!header) continue;
    EXPECT_EQ(static_cast<unsigned>(header->gso), type & ~ecn);
    EXPECT_EQ(header->ecn, (type & ecn) != 0);
  }
}

TEST(StoreVirtioNetHeaderTest, WritesWhatParsesToTheSame) {
  for (unsigned flags = 0; flags < 4; ++flags) {
    for (const unsigned type : {0x00U, 0x01U, 0x81U, 0x04U, 0x84U, 0x05U}) {
      const Bytes wire = ByteWriter().U8(flags).U8(type).U32(0x01020304).U32(0xF5F6F7F8).bytes();
      const auto header = Parse(wire);
      ASSERT_TRUE(header.has_value());
      std::array<std::byte, kVirtioNetHeaderSize> stored{};
      StoreVirtioNetHeader(*header, stored);
      EXPECT_EQ(Bytes(stored.begin(), stored.end()), wire);
    }
  }
}

TEST(OffloadSetTest, CoversItsSubsetsOnly) {
  OffloadSet tcp;
  tcp.insert(Offload::kChecksum);
  tcp.insert(Offload::kTcp4);
  OffloadSet checksum;
  checksum.insert(Offload::kChecksum);
  EXPECT_TRUE(tcp.covers(checksum));
  EXPECT_FALSE(checksum.covers(tcp));
  EXPECT_TRUE(OffloadSet::All().covers(tcp));
  EXPECT_TRUE(OffloadSet{}.covers({}));
  EXPECT_FALSE(OffloadSet{}.covers(checksum));
}

}  // namespace
}  // namespace tapswitch::offload_virtio_net_test
