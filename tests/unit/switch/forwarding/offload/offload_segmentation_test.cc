#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "switch/forwarding/offload/segmentation.h"
#include "switch/forwarding/offload/validation.h"
#include "tests/support/ip_packet.h"
#include "tests/support/segments.h"

namespace tapswitch::offload_segmentation_test {
namespace {

// --- frames that Linux 6.18 cut, between a TAP with offloads and one without on a bridge

TEST(SegmentationTest, CutsATaggedTcp4FrameAsTheKernelDoes) {
  // CWR, ACK, PSH and FIN are set, timestamps are on; identification and sequence number wrap.
  const Bytes frame = FromHex(
      "020000000002020000000001 8100600a 0800"
      "4500003e ffff4000 4006 1091 0a0a0a0a 0b0b0b0b"
      "03e807d0 fffffffd 00000000 8099 1000 2a5a 0000 0101080a 00000001 00000002"
      "6162636465666768696a");
  const VirtioNetHeader claimed{.needs_checksum = true,
                                .gso = GsoType::kTcpV4,
                                .ecn = true,
                                .gso_size = 4,
                                .checksum_start = 38,
                                .checksum_offset = 16};
  const std::vector<Bytes> expected = {
      FromHex("020000000002020000000001 8100600a 0800"
              "45000038 ffff4000 4006 1097 0a0a0a0a 0b0b0b0b"
              "03e807d0 fffffffd 00000000 8090 1000 6b90 0000 0101080a 00000001 00000002"
              "61626364"),
      FromHex("020000000002020000000001 8100600a 0800"
              "45000038 00004000 4006 1097 0a0a0a0a 0b0b0b0b"
              "03e807d0 00000001 00000000 8010 1000 6405 0000 0101080a 00000001 00000002"
              "65666768"),
      FromHex("020000000002020000000001 8100600a 0800"
              "45000036 00014000 4006 1098 0a0a0a0a 0b0b0b0b"
              "03e807d0 00000005 00000000 8019 1000 c75e 0000 0101080a 00000001 00000002"
              "696a"),
  };
  EXPECT_EQ(Segments(ValidateOffload(claimed, frame).value(), frame), expected);
}

TEST(SegmentationTest, CutsAUdp6FrameWithAnExtensionHeaderAsTheKernelDoes) {
  const Bytes frame = FromHex(
      "020000000002020000000001 86dd"
      "600abcde 0017 3c40 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a 0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
      "1100000000000000"
      "03e807d0 000f a8c8 61626364656667");
  const VirtioNetHeader claimed{.needs_checksum = true,
                                .gso = GsoType::kUdpL4,
                                .gso_size = 5,
                                .checksum_start = 62,
                                .checksum_offset = 6};
  const std::vector<Bytes> expected = {
      FromHex("020000000002020000000001 86dd"
              "600abcde 0015 3c40 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a 0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
              "1100000000000000"
              "03e807d0 000d 21ad 6162636465"),
      FromHex("020000000002020000000001 86dd"
              "600abcde 0012 3c40 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a 0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
              "1100000000000000"
              "03e807d0 000a e512 6667"),
  };
  EXPECT_EQ(Segments(ValidateOffload(claimed, frame).value(), frame), expected);
}

// --- the plan

IpPacket TcpOf(size_t payload) { return {.payload = Bytes(payload, std::byte{7})}; }

TEST(SegmentPlanTest, TheLastSegmentTakesWhatIsLeft) {
  struct Case {
    size_t payload;
    uint16_t gso_size;
    size_t count;
    size_t last;
  };
  for (const auto& [payload, gso_size, count, last] : std::vector<Case>{{1, 1448, 1, 1},
                                                                        {1448, 1448, 1, 1448},
                                                                        {1449, 1448, 2, 1},
                                                                        {2896, 1448, 2, 1448},
                                                                        {100, 1, 100, 1},
                                                                        {65'495, 1448, 46, 335}}) {
    const IpPacket packet = TcpOf(payload);
    const auto plan = PlanSegments(GsoHeader(packet, gso_size), UnfinishedFrame(packet));
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(plan->header_size, 54);
    EXPECT_EQ(plan->payload_size, payload);
    EXPECT_EQ(plan->count, count);
    EXPECT_EQ(plan->payload_offset(count - 1), 54 + (count - 1) * gso_size);
    EXPECT_EQ(plan->payload_length(count - 1), last);
    EXPECT_EQ(plan->payload_length(0), count == 1 ? last : gso_size);
  }
}

TEST(SegmentPlanTest, NothingWithoutPayload) {
  EXPECT_FALSE(PlanSegments(GsoHeader(TcpOf(0), 1448), UnfinishedFrame(TcpOf(0))).has_value());
}

// --- fields

std::vector<Bytes> Expected(const IpPacket& packet, uint16_t gso_size) {
  std::vector<Bytes> frames;
  for (const IpPacket& segment : NaiveSegments(packet, gso_size)) {
    frames.push_back(FinishedFrame(segment));
  }
  return frames;
}

std::vector<Bytes> Actual(const IpPacket& packet, uint16_t gso_size) {
  return Segments(GsoHeader(packet, gso_size), UnfinishedFrame(packet));
}

TEST(SegmentationTest, OneSegmentIsTheFinishedFrame) {
  for (const bool is_ipv6 : {false, true}) {
    for (const bool is_udp : {false, true}) {
      IpPacket packet = TcpOf(100);
      packet.is_ipv6 = is_ipv6;
      packet.is_udp = is_udp;
      packet.tcp_flags = 0x099;
      EXPECT_EQ(Actual(packet, 1448), std::vector<Bytes>{FinishedFrame(packet)});
    }
  }
}

TEST(SegmentationTest, EachTcpFlagGoesWhereItBelongs) {
  constexpr size_t kFlags = 14 + 20 + 13;
  IpPacket packet = TcpOf(300);
  packet.tcp_flags = 0x0FF;
  const auto segments = Actual(packet, 100);
  ASSERT_EQ(segments.size(), 3);
  EXPECT_EQ(segments[0][kFlags], std::byte{0xF6});  // without FIN, PSH
  EXPECT_EQ(segments[1][kFlags], std::byte{0x76});  // without FIN, PSH, CWR
  EXPECT_EQ(segments[2][kFlags], std::byte{0x7F});  // without CWR
}

TEST(SegmentationTest, AUdpChecksumOfZeroIsSentAsAllOnes) {
  // The first two bytes of the second segment make its checksum 0.
  IpPacket packet = TcpOf(40);
  packet.is_udp = true;
  constexpr size_t kChecksum = 14 + 20 + 6;
  packet.payload[20] = packet.payload[21] = std::byte{0};
  const auto rest = Actual(packet, 20).at(1);
  packet.payload[20] = rest[kChecksum];
  packet.payload[21] = rest[kChecksum + 1];
  const auto segment = Actual(packet, 20).at(1);
  EXPECT_EQ(segment[kChecksum], std::byte{0xFF});
  EXPECT_EQ(segment[kChecksum + 1], std::byte{0xFF});
  EXPECT_EQ(segment, Expected(packet, 20).at(1));
}

TEST(SegmentationTest, TheFinalDestinationOfASourceRouteStaysInTheChecksum) {
  IpPacket packet = TcpOf(500);
  packet.is_ipv6 = true;
  packet.final_destination = Bytes(16, std::byte{0x77});
  Bytes routing(22);
  routing[1] = std::byte{1};  // segments left
  std::ranges::copy(packet.final_destination, routing.begin() + 6);
  packet.extensions = {{.type = 43, .body = routing}};
  EXPECT_EQ(Actual(packet, 100), Expected(packet, 100));
}

TEST(SegmentationTest, AFrameOfTheGreatestSize) {
  IpPacket packet = TcpOf(65'535 - 20 - 20);
  EXPECT_EQ(Actual(packet, 1448), Expected(packet, 1448));
  packet = TcpOf(65'535 - 20);
  packet.is_ipv6 = true;
  packet.tags = {{.protocol = EtherType::kServiceVlan, .control = 1}, {.control = 2}};
  EXPECT_EQ(Actual(packet, 1428), Expected(packet, 1428));
}

}  // namespace
}  // namespace tapswitch::offload_segmentation_test
