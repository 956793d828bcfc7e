#include <gtest/gtest.h>

#include <span>

#include "switch/forwarding/offload/checksum.h"
#include "tests/support/ip_packet.h"
#include "tests/support/random_ip_packet.h"

namespace tapswitch::offload_checksum_test {
namespace {

ChecksumSum SumOf(std::span<const std::byte> bytes) {
  ChecksumSum sum;
  sum.Add(bytes);
  return sum;
}

TEST(ChecksumSumTest, ExampleOfRfc1071) {
  const ChecksumSum sum = SumOf(FromHex("0001 f203 f4f5 f6f7"));
  EXPECT_EQ(sum.Folded(), 0xDDF2);
  EXPECT_EQ(sum.Checksum(), 0x220D);
}

TEST(ChecksumSumTest, AnIpv4HeaderWithItsChecksumSumsToAllOnes) {
  const Bytes header = FromHex("45000038 ffff4000 40061097 0a0a0a0a 0b0b0b0b");
  EXPECT_EQ(SumOf(header).Folded(), 0xFFFF);
}

TEST(ChecksumSumTest, NothingSumsToZero) {
  EXPECT_EQ(ChecksumSum().Folded(), 0);
  EXPECT_EQ(SumOf({}).Folded(), 0);
  EXPECT_EQ(SumOf(Bytes(99)).Folded(), 0);
}

TEST(ChecksumSumTest, AnOddByteIsTheHighHalfOfAWord) {
  EXPECT_EQ(SumOf(FromHex("12")).Folded(), 0x1200);
  EXPECT_EQ(SumOf(FromHex("0001 12")).Folded(), 0x1201);
}

TEST(ChecksumSumTest, AgreesWithTheNaiveSumForAnyLengthAndAlignment) {
  const Bytes memory = RandomIpPackets(1).SomeBytes(300);
  for (size_t offset = 0; offset < 16; ++offset) {
    for (size_t size = 0; size <= 260; ++size) {
      const auto bytes = std::span(memory).subspan(offset, size);
      ASSERT_EQ(SumOf(bytes).Folded(), NaiveSum(bytes)) << offset << " " << size;
    }
  }
}

TEST(ChecksumSumTest, EachCarryIsPutBack) {
  for (const size_t size : {8U, 9U, 16U, 64U, 65U, 65'535U, 65'600U}) {
    const Bytes ones(size, std::byte{0xFF});
    EXPECT_EQ(SumOf(ones).Folded(), NaiveSum(ones)) << size;
  }
}

TEST(ChecksumSumTest, PartsOfEvenLengthAddUpInAnyOrder) {
  const Bytes bytes = RandomIpPackets(2).SomeBytes(101);
  for (size_t split = 0; split <= 100; split += 2) {
    ChecksumSum sum;
    sum.Add(std::span(bytes).subspan(split));
    sum.Add(std::span(bytes).first(split));
    EXPECT_EQ(sum.Folded(), NaiveSum(bytes)) << split;
  }
}

TEST(ChecksumSumTest, NumbersCountAsTheirBytes) {
  ChecksumSum sum;
  sum.AddBe16(0xF203);
  sum.AddBe32(0xF4F5F6F7);
  EXPECT_EQ(sum.Folded(), NaiveSum(FromHex("f203 f4f5f6f7")));
}

TEST(ChecksumSumTest, AddingTheComplementTakesAFieldOut) {
  ChecksumSum sum = SumOf(FromHex("1234 5678 9abc"));
  sum.AddBe16(0xFFFF - 0x5678);
  EXPECT_EQ(sum.Folded(), NaiveSum(FromHex("1234 9abc")));
}

uint16_t Finished(const IpPacket& packet) {
  return FinishedChecksum(ChecksumHeader(packet), UnfinishedFrame(packet));
}

uint16_t Expected(const IpPacket& packet) {
  const Bytes frame = FinishedFrame(packet);
  const size_t field = packet.transport_offset() + packet.checksum_offset();
  return static_cast<uint16_t>(static_cast<unsigned>(frame[field]) << 8U |
                               static_cast<unsigned>(frame[field + 1]));
}

TEST(FinishedChecksumTest, IsThatOfTheFinishedFrame) {
  for (const bool is_ipv6 : {false, true}) {
    for (const bool is_udp : {false, true}) {
      for (const size_t payload : {0U, 1U, 2U, 777U, 1448U, 60'001U}) {
        const IpPacket packet{.is_ipv6 = is_ipv6,
                              .is_udp = is_udp,
                              .payload = RandomIpPackets(payload).SomeBytes(payload)};
        EXPECT_EQ(Finished(packet), Expected(packet)) << is_ipv6 << is_udp << " " << payload;
      }
    }
  }
}

TEST(FinishedChecksumTest, AnyProtocolThatHasAFieldForIt) {
  // ICMPv6 (58) stands for all: its checksum is at offset 2, holding a pseudo-header sum of 0x1234.
  const Bytes frame = ByteWriter().Append(Bytes(54)).U16(0x8000).U16(0x1234).U32(0x11).bytes();
  const VirtioNetHeader header{.needs_checksum = true, .checksum_start = 54, .checksum_offset = 2};
  EXPECT_EQ(FinishedChecksum(header, frame), 0xFFFF - (0x8000 + 0x1234 + 0x11));
}

// A packet whose checksum comes to 0: the first two bytes of its payload make up for the rest.
IpPacket WithZeroChecksum(bool is_udp) {
  IpPacket packet{.is_udp = is_udp, .payload = Bytes(20)};
  const uint16_t missing = Expected(packet);
  packet.payload[0] = static_cast<std::byte>(missing >> 8U);
  packet.payload[1] = static_cast<std::byte>(missing & 0xFFU);
  return packet;
}

TEST(FinishedChecksumTest, ZeroIsSentAsAllOnesByUdpAlone) {
  EXPECT_EQ(Finished(WithZeroChecksum(true)), 0xFFFF);
  EXPECT_EQ(Finished(WithZeroChecksum(false)), 0x0000);
}

}  // namespace
}  // namespace tapswitch::offload_checksum_test
