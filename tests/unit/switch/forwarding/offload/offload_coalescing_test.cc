#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <ostream>
#include <span>
#include <vector>

#include "switch/forwarding/offload/coalescing.h"
#include "tests/support/ip_packet.h"
#include "tests/support/segments.h"

namespace tapswitch::offload_coalescing_test {
namespace {

enum class Kind : uint8_t { kTcp4, kTcp6, kUdp4, kUdp6 };

void PrintTo(Kind kind, std::ostream* out) {
  constexpr std::array kNames{"TCP/IPv4", "TCP/IPv6", "UDP/IPv4", "UDP/IPv6"};
  *out << kNames.at(static_cast<size_t>(kind));
}

IpPacket FirstPacket(Kind kind, size_t payload) {
  IpPacket packet;
  packet.is_udp = kind == Kind::kUdp4 || kind == Kind::kUdp6;
  packet.is_ipv6 = kind == Kind::kTcp6 || kind == Kind::kUdp6;
  packet.identification = 7;
  packet.sequence = 1000;
  packet.payload = Bytes(payload, std::byte{1});
  return packet;
}

// What a sender sends behind `packet`, with as much payload unless said otherwise.
IpPacket Next(const IpPacket& packet, size_t payload) {
  IpPacket next = packet;
  next.identification = static_cast<uint16_t>(packet.identification + 1);
  next.sequence = packet.sequence + static_cast<uint32_t>(packet.payload.size());
  next.payload = Bytes(payload, std::byte{2});
  return next;
}

IpPacket Next(const IpPacket& packet) { return Next(packet, packet.payload.size()); }

// A frame and its header, as a port hands it over.
struct TestFrame {
  Bytes bytes;
  VirtioNetHeader offload;
};

TestFrame Unfinished(const IpPacket& packet) {
  return {UnfinishedFrame(packet), ChecksumHeader(packet)};
}

TestFrame Finished(const IpPacket& packet) { return {FinishedFrame(packet), {}}; }

// How many frames from the front become one.
size_t Joined(Coalescer& coalescer, const std::vector<TestFrame>& frames) {
  if (!coalescer.Start(frames[0].offload, frames[0].bytes)) return 1;
  size_t count = 1;
  while (count < frames.size() && coalescer.Join(frames[count].offload, frames[count].bytes)) {
    ++count;
  }
  return count;
}

size_t Joined(const std::vector<TestFrame>& frames) {
  Coalescer coalescer;
  return Joined(coalescer, frames);
}

class CoalescerTest : public testing::TestWithParam<Kind> {
 protected:
  [[nodiscard]] static IpPacket First(size_t payload = 100) {
    return FirstPacket(GetParam(), payload);
  }
};

INSTANTIATE_TEST_SUITE_P(Kinds, CoalescerTest,
                         testing::Values(Kind::kTcp4, Kind::kTcp6, Kind::kUdp4, Kind::kUdp6));

TEST_P(CoalescerTest, NeighboursOfOneFlowBecomeAFrameThatIsCutToThemAgain) {
  const IpPacket first = First();
  const IpPacket second = Next(first);
  const IpPacket third = Next(second, 40);
  const std::vector<TestFrame> frames{Unfinished(first), Finished(second), Unfinished(third)};
  Coalescer coalescer;
  ASSERT_EQ(Joined(coalescer, frames), 3U);

  Bytes whole(coalescer.header_size());
  coalescer.BuildHeaders(whole);
  for (const TestFrame& frame : frames) {
    const auto payload = std::span(frame.bytes).subspan(coalescer.header_size());
    whole.insert(whole.end(), payload.begin(), payload.end());
  }
  const VirtioNetHeader header = coalescer.offload();
  EXPECT_EQ(header, GsoHeader(first, 100));
  EXPECT_EQ(ValidateOffload(header, whole), header);
  EXPECT_EQ(NeededOffloads(header, whole), coalescer.needed());
  EXPECT_EQ(
      Segments(header, whole),
      (std::vector<Bytes>{FinishedFrame(first), FinishedFrame(second), FinishedFrame(third)}));
}

TEST_P(CoalescerTest, AShorterFrameEndsIt) {
  const IpPacket first = First();
  const IpPacket second = Next(first, 99);
  const IpPacket third = Next(second, 99);
  EXPECT_EQ(Joined({Finished(first), Finished(second), Finished(third)}), 2U);
}

TEST_P(CoalescerTest, ALongerFrameDoesNotJoin) {
  const IpPacket first = First();
  EXPECT_EQ(Joined({Finished(first), Finished(Next(first, 101))}), 1U);
}

TEST_P(CoalescerTest, NoPayloadNeitherStartsNorJoins) {
  const IpPacket first = First();
  EXPECT_EQ(Joined({Finished(first), Finished(Next(first, 0))}), 1U);
  EXPECT_EQ(Joined({Finished(First(0)), Finished(First(0))}), 1U);
}

TEST_P(CoalescerTest, TagsJoinWhenTheyAreAlike) {
  IpPacket first = First();
  first.tags = {{.protocol = EtherType::kVlan, .control = 5}};
  EXPECT_EQ(Joined({Unfinished(first), Unfinished(Next(first))}), 2U);
  IpPacket other = Next(first);
  other.tags[0].control = 6;
  EXPECT_EQ(Joined({Unfinished(first), Unfinished(other)}), 1U);
}

// What is different in the second packet, so that it does not continue the first.
TEST_P(CoalescerTest, AnotherFlowDoesNotJoin) {
  const std::vector<std::function<void(IpPacket&)>> changes{
      [](IpPacket& packet) { packet.source[3] = std::byte{99}; },
      [](IpPacket& packet) { packet.destination[3] = std::byte{99}; },
      [](IpPacket& packet) { ++packet.source_port; },
      [](IpPacket& packet) { ++packet.destination_port; },
      [](IpPacket& packet) { packet.traffic_class = 1; },
      [](IpPacket& packet) { packet.is_udp = !packet.is_udp; },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    const IpPacket first = First();
    IpPacket other = Next(first);
    changes[i](other);
    EXPECT_EQ(Joined({Finished(first), Finished(other)}), 1U) << "change " << i;
  }
}

TEST_P(CoalescerTest, PaddingBehindThePacketDoesNotJoin) {
  const IpPacket first = First();
  TestFrame padded = Finished(Next(first, 10));
  padded.bytes.resize(padded.bytes.size() + 3);
  EXPECT_EQ(Joined({Finished(first), padded}), 1U);
  EXPECT_EQ(Joined({padded, Finished(Next(Next(first, 10), 10))}), 1U);
}

TEST_P(CoalescerTest, AWrongChecksumDoesNotJoin) {
  const IpPacket first = First();
  for (const bool finished : {false, true}) {
    const auto frame = finished ? Finished : Unfinished;
    TestFrame wrong = frame(Next(first));
    wrong.bytes[first.transport_offset() + first.checksum_offset()] ^= std::byte{0x10};
    EXPECT_EQ(Joined({frame(first), wrong}), 1U);
    TestFrame wrong_first = frame(first);
    wrong_first.bytes[first.transport_offset() + first.checksum_offset()] ^= std::byte{0x10};
    EXPECT_EQ(Joined({wrong_first, frame(Next(first))}), 1U);
  }
}

TEST_P(CoalescerTest, ThatAHeaderCallsAChecksumVerifiedIsNoProof) {
  const IpPacket first = First();
  TestFrame wrong = Finished(Next(first));
  wrong.offload.data_valid = true;
  wrong.bytes.back() ^= std::byte{1};
  EXPECT_EQ(Joined({Finished(first), wrong}), 1U);
}

TEST_P(CoalescerTest, AChecksumThatIsToBeFilledInElsewhereDoesNotJoin) {
  const IpPacket first = First();
  TestFrame odd = Unfinished(Next(first));
  odd.offload.checksum_offset += 2;
  EXPECT_EQ(Joined({Unfinished(first), odd}), 1U);
}

TEST_P(CoalescerTest, GsoFramesJoinAsTheSegmentsTheyAre) {
  const IpPacket large = First(300);
  IpPacket last = Next(large, 250);
  last.identification = static_cast<uint16_t>(large.identification + 3);
  const TestFrame first{UnfinishedFrame(large), GsoHeader(large, 100)};
  const TestFrame second{UnfinishedFrame(last), GsoHeader(last, 100)};
  EXPECT_EQ(Joined({first, second}), 2U);
  const TestFrame cut_otherwise{UnfinishedFrame(last), GsoHeader(last, 50)};
  EXPECT_EQ(Joined({first, cut_otherwise}), 1U);
  const TestFrame not_full{UnfinishedFrame(large), GsoHeader(large, 200)};
  EXPECT_EQ(Joined({not_full, second}), 1U);
}

TEST_P(CoalescerTest, TheWholeFitsInAnIpPacket) {
  std::vector<TestFrame> frames;
  IpPacket packet = First(1400);
  for (int i = 0; i < 60; ++i) {
    frames.push_back(Unfinished(packet));
    packet = Next(packet);
  }
  EXPECT_EQ(Joined(frames), 46U);  // 64,400 bytes; one more and headers make 65,820 and more
}

TEST(CoalescerUdpTest, AtMostAsManyDatagramsAsEveryKernelTakes) {
  std::vector<TestFrame> frames;
  IpPacket packet = FirstPacket(Kind::kUdp4, 18);
  for (int i = 0; i < 100; ++i) {
    frames.push_back(Unfinished(packet));
    packet = Next(packet);
  }
  EXPECT_EQ(Joined(frames), kMaxJoinedDatagrams);
}

TEST(CoalescerUdpTest, WithoutAChecksumNothingJoins) {
  const IpPacket first = FirstPacket(Kind::kUdp4, 18);
  const TestFrame bare{FrameBytes(first, 0), {}};
  const TestFrame next{FrameBytes(Next(first), 0), {}};
  EXPECT_EQ(Joined({bare, next}), 1U);
  EXPECT_EQ(Joined({Finished(first), next}), 1U);
}

TEST(CoalescerIpv4Test, IdentificationsCountUp) {
  for (const Kind kind : {Kind::kTcp4, Kind::kUdp4}) {
    for (const int step : {0, 2, -1}) {
      const IpPacket first = FirstPacket(kind, 100);
      IpPacket second = Next(first);
      second.identification = static_cast<uint16_t>(first.identification + step);
      EXPECT_EQ(Joined({Unfinished(first), Unfinished(second)}), 1U);
    }
    IpPacket first = FirstPacket(kind, 100);
    first.identification = 0xFFFF;
    EXPECT_EQ(Joined({Unfinished(first), Unfinished(Next(first))}), 2U);
  }
}

TEST(CoalescerIpv4Test, OptionsAndFragmentsDoNotJoin) {
  for (const Kind kind : {Kind::kTcp4, Kind::kUdp4}) {
    IpPacket with_options = FirstPacket(kind, 100);
    with_options.ip_options = Bytes(4, std::byte{1});
    EXPECT_EQ(Joined({Unfinished(with_options), Unfinished(Next(with_options))}), 1U);
    for (const auto fragment : std::array<uint16_t, 3>{0x2000, 0x0001, 0x8000}) {
      IpPacket first = FirstPacket(kind, 100);
      first.fragment = fragment;
      EXPECT_EQ(Joined({Unfinished(first), Unfinished(Next(first))}), 1U);
    }
    IpPacket may_be_fragmented = FirstPacket(kind, 100);
    may_be_fragmented.fragment = 0;
    EXPECT_EQ(Joined({Unfinished(may_be_fragmented), Unfinished(Next(may_be_fragmented))}), 2U);
  }
}

TEST(CoalescerIpv4Test, AWrongHeaderChecksumDoesNotJoin) {
  const IpPacket first = FirstPacket(Kind::kUdp4, 100);
  TestFrame wrong = Unfinished(Next(first));
  wrong.bytes[14 + 10] ^= std::byte{1};
  EXPECT_EQ(Joined({Unfinished(first), wrong}), 1U);
  EXPECT_EQ(Joined({wrong, Unfinished(Next(Next(first)))}), 1U);
}

TEST(CoalescerIpv6Test, ExtensionHeadersDoNotJoin) {
  IpPacket first = FirstPacket(Kind::kTcp6, 100);
  first.extensions = {{}};
  EXPECT_EQ(Joined({Unfinished(first), Unfinished(Next(first))}), 1U);
}

// ----- TCP ---------------------------------------------------------------------------------------

constexpr uint16_t kAck = 0x010;
constexpr uint16_t kPsh = 0x008;
constexpr uint16_t kFin = 0x001;

size_t JoinedWithFlags(unsigned first_flags, unsigned second_flags) {
  IpPacket first = FirstPacket(Kind::kTcp4, 100);
  first.tcp_flags = static_cast<uint16_t>(first_flags);
  IpPacket second = Next(first);
  second.tcp_flags = static_cast<uint16_t>(second_flags);
  IpPacket third = Next(second);
  third.tcp_flags = kAck;
  return Joined({Unfinished(first), Finished(second), Unfinished(third)});
}

TEST(CoalescerTcpTest, PushAndFinEndIt) {
  EXPECT_EQ(JoinedWithFlags(kAck, kAck), 3U);
  EXPECT_EQ(JoinedWithFlags(kAck, kAck | kPsh), 2U);
  EXPECT_EQ(JoinedWithFlags(kAck, kAck | kFin), 2U);
  EXPECT_EQ(JoinedWithFlags(kAck | kPsh, kAck), 1U);
  EXPECT_EQ(JoinedWithFlags(kAck | kFin, kAck), 1U);
}

TEST(CoalescerTcpTest, OtherFlagsDoNotJoin) {
  for (const auto flag :
       std::array<uint16_t, 4>{0x002, 0x004, 0x020, 0x080}) {  // SYN, RST, URG, CWR
    EXPECT_EQ(JoinedWithFlags(kAck | flag, kAck | flag), 1U) << flag;
    EXPECT_EQ(JoinedWithFlags(kAck, kAck | flag), 1U) << flag;
  }
  constexpr uint16_t kEce = 0x040;
  EXPECT_EQ(JoinedWithFlags(kAck, kAck | kEce), 1U);
  EXPECT_EQ(JoinedWithFlags(kAck | kEce, kAck | kEce), 2U);
}

TEST(CoalescerTcpTest, WhatIsNotTheNextOfItsStreamDoesNotJoin) {
  const std::vector<std::function<void(IpPacket&)>> changes{
      [](IpPacket& packet) { ++packet.sequence; },
      [](IpPacket& packet) { --packet.sequence; },
      [](IpPacket& packet) { ++packet.acknowledgment; },
      [](IpPacket& packet) { ++packet.window; },
      [](IpPacket& packet) { ++packet.urgent; },
      [](IpPacket& packet) { packet.tcp_options[5] ^= std::byte{1}; },
  };
  for (size_t i = 0; i <= changes.size(); ++i) {
    IpPacket first = FirstPacket(Kind::kTcp4, 100);
    first.tcp_options = Bytes(12, std::byte{1});
    IpPacket second = Next(first);
    if (i < changes.size()) changes[i](second);
    EXPECT_EQ(Joined({Finished(first), Finished(second)}), i < changes.size() ? 1U : 2U)
        << "change " << i;
  }
}

TEST(CoalescerTcpTest, SequenceNumbersWrap) {
  IpPacket first = FirstPacket(Kind::kTcp6, 100);
  first.sequence = 0xFFFFFFFFU - 20;
  EXPECT_EQ(Joined({Finished(first), Finished(Next(first))}), 2U);
}

// ----- the cheap look ----------------------------------------------------------------------------

TEST(MayContinueTest, SeesThroughWhatNeverJoins) {
  const IpPacket first = FirstPacket(Kind::kUdp4, 18);
  const Bytes frame = FinishedFrame(first);
  EXPECT_TRUE(MayContinue(frame, FinishedFrame(Next(first))));
  Bytes other_station = frame;
  other_station[5] ^= std::byte{1};
  EXPECT_FALSE(MayContinue(frame, other_station));
  Bytes not_ip = frame;
  not_ip[13] = std::byte{6};
  EXPECT_FALSE(MayContinue(not_ip, not_ip));
}

}  // namespace
}  // namespace tapswitch::offload_coalescing_test
