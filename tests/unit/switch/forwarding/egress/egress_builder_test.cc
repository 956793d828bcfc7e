#include "switch/forwarding/egress/egress_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>
#include <vector>

#include "switch/forwarding/offload/checksum.h"
#include "tests/support/frame_builder.h"
#include "tests/support/ip_packet.h"
#include "tests/support/test_frames.h"

namespace tapswitch::egress_builder_test {
namespace {

using ::testing::ElementsAre;

using Result = EgressBuilder::Result;

constexpr PortId kIngress{0};
constexpr MacAddress kTo = MacAddress::FromNumber(0x020000000002);
constexpr MacAddress kFrom = MacAddress::FromNumber(0x020000000001);
constexpr EgressLimits kNoOffloads{.accepted = {}, .mtu = 1500};
constexpr EgressLimits kAllOffloads{.accepted = OffloadSet::All(), .mtu = 1500};

std::vector<std::byte> PlainFrame(size_t size) {
  return FrameBuilder(kTo, kFrom).Type(EtherType::kArp).Pad(size).Build();
}

// An IPv4 UDP datagram whose checksum field holds the pseudo-header sum.
std::vector<std::byte> UnfinishedUdp(std::string_view payload) {
  const auto length = static_cast<uint16_t>(8 + payload.size());
  constexpr uint32_t kSourceIp = 0x0A000001;
  constexpr uint32_t kDestinationIp = 0x0A000002;
  ChecksumSum pseudo;
  pseudo.AddBe32(kSourceIp);
  pseudo.AddBe32(kDestinationIp);
  pseudo.AddBe16(17);
  pseudo.AddBe16(length);
  return FrameBuilder(kTo, kFrom)
      .Type(EtherType::kIpv4)
      .U16(0x4500)
      .U16(static_cast<uint16_t>(20 + length))
      .U32(0)
      .U16(0x4011)
      .U16(0)
      .U32(kSourceIp)
      .U32(kDestinationIp)
      .U16(1000)
      .U16(2000)
      .U16(length)
      .U16(pseudo.Folded())
      .Text(payload)
      .Build();
}

constexpr VirtioNetHeader kUdpChecksum{
    .needs_checksum = true, .checksum_start = 34, .checksum_offset = 6};

// An IPv4 TCP frame with `payload` bytes.
std::vector<std::byte> LargeTcp(size_t payload) {
  const auto total = static_cast<uint16_t>(40 + payload);
  auto frame = FrameBuilder(kTo, kFrom)
                   .Type(EtherType::kIpv4)
                   .U16(0x4500)
                   .U16(total)
                   .U32(0)
                   .U16(0x4006)
                   .U16(0)
                   .U32(0x0A000001)
                   .U32(0x0A000002)
                   .U16(1000)
                   .U16(2000)
                   .U32(1)
                   .U32(1)
                   .U16(0x5018)
                   .U16(1000)
                   .U32(0)
                   .Build();
  for (size_t i = 0; i < payload; ++i) frame.push_back(static_cast<std::byte>(i));
  return frame;
}

VirtioNetHeader TcpGso(uint16_t mss) {
  return {.needs_checksum = true,
          .gso = GsoType::kTcpV4,
          .header_length = 54,
          .gso_size = mss,
          .checksum_start = 34,
          .checksum_offset = 16};
}

class EgressBuilderTest : public ::testing::Test {
 protected:
  // Starts a turn with this batch.
  void Begin(std::vector<Frame> batch) {
    batch_ = std::move(batch);
    builder_.Begin(batch_);
  }

  // The frames for a port, gathered, without their virtio-net headers.
  std::vector<std::vector<std::byte>> Take() {
    std::vector<std::vector<std::byte>> result;
    for (const WireFrame& frame : builder_.frames()) {
      const auto bytes = Gather(frame);
      EXPECT_EQ(bytes.size(), frame.size + kVirtioNetHeaderSize);
      result.emplace_back(bytes.begin() + kVirtioNetHeaderSize, bytes.end());
    }
    builder_.ClearFrames();
    return result;
  }

  TestFrames frames_;
  std::vector<Frame> batch_;
  EgressBuilder builder_;
};

TEST_F(EgressBuilderTest, AFrameThatNeedsNothingLeavesInOnePieceAsItCame) {
  Begin({frames_.Plain(kIngress, PlainFrame(60))});
  ASSERT_EQ(builder_.Append({0}, kNoOffloads), Result::kAppended);
  ASSERT_EQ(builder_.frames().size(), 1U);
  const WireFrame& frame = builder_.frames()[0];
  ASSERT_EQ(frame.pieces.size(), 1U);
  EXPECT_EQ(frame.pieces[0].data, batch_[0].wire.data);
  EXPECT_EQ(frame.size, 60U);
}

TEST_F(EgressBuilderTest, EqualOffloadsPassThroughUntouched) {
  Begin({frames_.WithOffload(kIngress, LargeTcp(5000), TcpGso(1448))});
  ASSERT_EQ(builder_.Append({0}, kAllOffloads), Result::kAppended);
  EXPECT_EQ(builder_.frames()[0].pieces[0].data, batch_[0].wire.data);
}

TEST_F(EgressBuilderTest, APortWithoutOffloadsGetsAFinishedChecksum) {
  const auto bytes = UnfinishedUdp("hello");
  Begin({frames_.WithOffload(kIngress, bytes, kUdpChecksum)});
  ASSERT_EQ(builder_.Append({0}, kNoOffloads), Result::kAppended);
  const auto sent = Take();
  ASSERT_EQ(sent.size(), 1U);
  auto expected = bytes;
  const uint16_t checksum = FinishedChecksum(kUdpChecksum, bytes);
  expected[40] = static_cast<std::byte>(checksum >> 8U);
  expected[41] = static_cast<std::byte>(checksum);
  EXPECT_EQ(sent[0], expected);
  EXPECT_EQ(batch_[0].bytes()[40], bytes[40]) << "received bytes stay as they are";
}

TEST_F(EgressBuilderTest, APortWithoutOffloadsGetsSegments) {
  Begin({frames_.WithOffload(kIngress, LargeTcp(3000), TcpGso(1448))});
  ASSERT_EQ(builder_.Append({0}, kNoOffloads), Result::kAppended);
  const auto sent = Take();
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_EQ(sent[0].size(), 54U + 1448U);
  EXPECT_EQ(sent[1].size(), 54U + 1448U);
  EXPECT_EQ(sent[2].size(), 54U + 104U);
  const auto payload = batch_[0].bytes().subspan(54 + 1448, 1448);
  EXPECT_TRUE(std::equal(payload.begin(), payload.end(), sent[1].begin() + 54));
}

TEST_F(EgressBuilderTest, AFloodSegmentsOnce) {
  Begin({frames_.WithOffload(kIngress, LargeTcp(3000), TcpGso(1448))});
  ASSERT_EQ(builder_.Append({0}, kNoOffloads), Result::kAppended);
  const std::byte* first_port = builder_.frames()[0].pieces[0].data;
  builder_.ClearFrames();
  ASSERT_EQ(builder_.Append({0}, kNoOffloads), Result::kAppended);
  EXPECT_EQ(builder_.frames()[0].pieces[0].data, first_port);
}

TEST_F(EgressBuilderTest, ANewTurnForgetsTheLast) {
  Begin({frames_.WithOffload(kIngress, LargeTcp(3000), TcpGso(1448))});
  ASSERT_EQ(builder_.Append({0}, kNoOffloads), Result::kAppended);
  Begin({frames_.WithOffload(kIngress, LargeTcp(100), TcpGso(1448))});
  ASSERT_EQ(builder_.Append({0}, kNoOffloads), Result::kAppended);
  ASSERT_EQ(builder_.frames().size(), 1U);
  EXPECT_EQ(builder_.frames()[0].size, 154U);
}

TEST_F(EgressBuilderTest, TheMtuLeavesRoomForOneTag) {
  const auto tagged =
      FrameBuilder(kTo, kFrom).Tag(EtherType::kVlan, 5).Type(EtherType::kIpv4).Pad(1518).Build();
  Begin({frames_.Plain(kIngress, PlainFrame(1518)), frames_.Plain(kIngress, PlainFrame(1519)),
         frames_.Plain(kIngress, tagged)});
  EXPECT_EQ(builder_.Append({0}, kNoOffloads), Result::kAppended);
  EXPECT_EQ(builder_.Append({1}, kNoOffloads), Result::kTooLong);
  EXPECT_EQ(builder_.Append({2}, kNoOffloads), Result::kAppended);
  EXPECT_EQ(builder_.Append({1}, {.accepted = {}, .mtu = 9000}), Result::kAppended);
}

TEST_F(EgressBuilderTest, TheMtuCountsSegmentsNotTheLargeFrame) {
  Begin({frames_.WithOffload(kIngress, LargeTcp(30000), TcpGso(1464)),
         frames_.WithOffload(kIngress, LargeTcp(30000), TcpGso(1465))});
  EXPECT_EQ(builder_.Append({0}, kAllOffloads), Result::kAppended);
  EXPECT_EQ(builder_.Append({1}, kAllOffloads), Result::kTooLong);
}

TEST_F(EgressBuilderTest, AFullScratchAsksForAHandOverAndThenTakesTheFrame) {
  // Given frames of 1,000 segments each,
  const std::vector<std::byte> large = LargeTcp(60000);
  std::vector<Frame> batch;
  for (int i = 0; i < 5; ++i) batch.push_back(frames_.WithOffload(kIngress, large, TcpGso(60)));
  Begin(std::move(batch));
  // when the fifth exceeds the room for 4,096,
  for (uint16_t i = 0; i < 4; ++i) {
    ASSERT_EQ(builder_.Append({i}, kNoOffloads), Result::kAppended);
  }
  ASSERT_EQ(builder_.Append({4}, kNoOffloads), Result::kNoRoom);
  EXPECT_EQ(Take().size(), 4000U);
  // then it fits after a hand-over.
  builder_.ClearScratch();
  ASSERT_EQ(builder_.Append({4}, kNoOffloads), Result::kAppended);
  EXPECT_EQ(Take().size(), 1000U);
}

TEST_F(EgressBuilderTest, AFrameOfTooManySegmentsIsRefused) {
  Begin({frames_.WithOffload(kIngress, LargeTcp(60000), TcpGso(1))});
  EXPECT_EQ(builder_.Append({0}, kNoOffloads), Result::kUnsegmentable);
  EXPECT_TRUE(builder_.frames().empty());
}

// ----- VLAN tags -----

constexpr VlanTag kTag10{.protocol = EtherType::kVlan, .control = 0x600A};

EgressFrame Edited(TagEdit edit, uint16_t frame = 0) {
  return {.frame = frame, .edit = edit, .tag = kTag10};
}

// The frame with this tag in front of what it has.
std::vector<std::byte> WithTag(const std::vector<std::byte>& frame, VlanTag tag) {
  std::vector<std::byte> tagged(frame.begin(), frame.begin() + 2 * kMacAddressSize);
  const auto rest = FrameBuilder({}, {}).Tag(tag.protocol, tag.control).Build();
  tagged.insert(tagged.end(), rest.begin() + 2 * kMacAddressSize, rest.end());
  tagged.insert(tagged.end(), frame.begin() + 2 * kMacAddressSize, frame.end());
  return tagged;
}

VirtioNetHeader Moved(VirtioNetHeader header, int by) {
  const auto move = [by](uint16_t& field) {
    if (field != 0) field = static_cast<uint16_t>(field + by);
  };
  move(header.header_length);
  move(header.checksum_start);
  return header;
}

// Small frames are copied whole, large ones are gathered.
TEST_F(EgressBuilderTest, ATagIsPushedPoppedAndChanged) {
  for (const size_t size : {14, 60, 256, 257, 1514}) {
    const auto plain = PlainFrame(size);
    const auto tagged = WithTag(plain, kTag10);
    const auto priority = WithTag(plain, {.protocol = EtherType::kVlan, .control = 0x6000});
    Begin({frames_.Plain(kIngress, plain), frames_.Plain(kIngress, tagged),
           frames_.Plain(kIngress, priority)});
    ASSERT_EQ(builder_.Append(Edited(TagEdit::kPush, 0), kNoOffloads), Result::kAppended);
    ASSERT_EQ(builder_.Append(Edited(TagEdit::kPop, 1), kNoOffloads), Result::kAppended);
    ASSERT_EQ(builder_.Append(Edited(TagEdit::kRetag, 2), kNoOffloads), Result::kAppended);
    ASSERT_EQ(builder_.Append(Edited(TagEdit::kPop, 2), kNoOffloads), Result::kAppended);
    const auto sent = Take();
    ASSERT_EQ(sent.size(), 4U);
    EXPECT_EQ(sent[0], tagged) << size;
    EXPECT_EQ(sent[1], plain) << size;
    EXPECT_EQ(sent[2], tagged) << size;
    EXPECT_EQ(sent[3], plain) << size;
    EXPECT_TRUE(std::equal(plain.begin(), plain.end(), batch_[0].bytes().begin()))
        << "received bytes stay as they are";
  }
}

TEST_F(EgressBuilderTest, TheOffsetsOfALargeFrameMoveWithItsTag) {
  const auto plain = LargeTcp(5000);
  const auto tagged = WithTag(plain, kTag10);
  Begin({frames_.WithOffload(kIngress, plain, TcpGso(1448)),
         frames_.WithOffload(kIngress, tagged, Moved(TcpGso(1448), 4))});
  ASSERT_EQ(builder_.Append(Edited(TagEdit::kPush, 0), kAllOffloads), Result::kAppended);
  ASSERT_EQ(builder_.Append(Edited(TagEdit::kPop, 1), kAllOffloads), Result::kAppended);
  const auto header_of = [&](size_t i) {
    const auto bytes = Gather(builder_.frames()[i]);
    return *ParseVirtioNetHeader(std::span(bytes).first<kVirtioNetHeaderSize>());
  };
  EXPECT_EQ(header_of(0), Moved(TcpGso(1448), 4));
  EXPECT_EQ(header_of(1), TcpGso(1448));
  EXPECT_EQ(builder_.frames()[0].pieces.size(), 2U) << "the payload is referenced, not copied";
  const auto sent = Take();
  EXPECT_EQ(sent[0], tagged);
  EXPECT_EQ(sent[1], plain);
}

TEST_F(EgressBuilderTest, ATagIsEditedOnEachSegment) {
  const auto plain = LargeTcp(3000);
  Begin({frames_.WithOffload(kIngress, plain, TcpGso(1448)),
         frames_.WithOffload(kIngress, WithTag(plain, kTag10), Moved(TcpGso(1448), 4))});
  ASSERT_EQ(builder_.Append({0}, kNoOffloads), Result::kAppended);
  const auto segments = Take();
  ASSERT_EQ(segments.size(), 3U);
  ASSERT_EQ(builder_.Append(Edited(TagEdit::kPush, 0), kNoOffloads), Result::kAppended);
  const auto pushed = Take();
  ASSERT_EQ(builder_.Append(Edited(TagEdit::kPop, 1), kNoOffloads), Result::kAppended);
  const auto popped = Take();
  ASSERT_EQ(pushed.size(), 3U);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(pushed[i], WithTag(segments[i], kTag10));
  EXPECT_EQ(popped, segments);
}

TEST_F(EgressBuilderTest, AChecksumIsFinishedBehindAnEditedTag) {
  const auto plain = UnfinishedUdp("hello");
  Begin({frames_.WithOffload(kIngress, plain, kUdpChecksum)});
  ASSERT_EQ(builder_.Append({0}, kNoOffloads), Result::kAppended);
  const auto finished = Take();
  ASSERT_EQ(builder_.Append(Edited(TagEdit::kPush), kNoOffloads), Result::kAppended);
  EXPECT_EQ(Take()[0], WithTag(finished[0], kTag10));
}

TEST_F(EgressBuilderTest, AMixedFloodUsesOneBuffer) {
  Begin({frames_.Plain(kIngress, PlainFrame(1514))});
  ASSERT_EQ(builder_.Append({0}, kNoOffloads), Result::kAppended);
  ASSERT_EQ(builder_.Append(Edited(TagEdit::kPush), kNoOffloads), Result::kAppended);
  const auto frames = builder_.frames();
  EXPECT_EQ(frames[0].pieces[0].data, batch_[0].wire.data);
  const Piece payload = frames[1].pieces[1];
  EXPECT_GE(payload.data, batch_[0].wire.data);
  EXPECT_LE(payload.data + payload.size, batch_[0].wire.data + batch_[0].wire.size);
}

TEST_F(EgressBuilderTest, TheMtuDoesNotCountTheTagOfTheBridge) {
  const auto inner = WithTag(PlainFrame(1514), kTag10);
  Begin({frames_.Plain(kIngress, PlainFrame(1514)), frames_.Plain(kIngress, inner),
         frames_.Plain(kIngress, PlainFrame(1519))});
  EXPECT_EQ(builder_.Append(Edited(TagEdit::kPush, 0), kNoOffloads), Result::kAppended);
  // A customer's tagged frame of full size passes with the tunnel's tag around it.
  EXPECT_EQ(builder_.Append(Edited(TagEdit::kPush, 1), kNoOffloads), Result::kAppended);
  EXPECT_EQ(builder_.Append(Edited(TagEdit::kPop, 1), kNoOffloads), Result::kAppended);
  EXPECT_EQ(builder_.Append(Edited(TagEdit::kPush, 2), kNoOffloads), Result::kTooLong);
}

// ----- frames joined -----

constexpr EgressLimits kJoins{.accepted = OffloadSet::All(), .mtu = 1500, .join = true};

// Datagrams of one flow, one behind the other.
std::vector<IpPacket> Datagrams(size_t count, size_t payload, uint16_t source_port = 1000) {
  IpPacket packet{.is_udp = true, .source_port = source_port, .payload = Bytes(payload)};
  std::vector<IpPacket> packets;
  for (size_t i = 0; i < count; ++i) {
    packet.payload.back() = static_cast<std::byte>(i);
    packets.push_back(packet);
    ++packet.identification;
  }
  return packets;
}

class JoiningTest : public EgressBuilderTest {
 protected:
  void Begin(const std::vector<IpPacket>& packets) {
    std::vector<Frame> batch;
    copies_.clear();
    for (const IpPacket& packet : packets) {
      copies_.push_back({.frame = static_cast<uint16_t>(batch.size())});
      batch.push_back(
          frames_.WithOffload(kIngress, UnfinishedFrame(packet), ChecksumHeader(packet)));
    }
    EgressBuilderTest::Begin(std::move(batch));
  }

  // How many copies each frame for the port stands for.
  std::vector<size_t> AppendAll(const EgressLimits& limits) {
    std::vector<size_t> counts;
    for (std::span<const EgressFrame> copies = copies_; !copies.empty();) {
      const auto [result, count] = builder_.Append(copies, limits);
      EXPECT_EQ(result, Result::kAppended);
      counts.push_back(count);
      copies = copies.subspan(count);
    }
    EXPECT_EQ(builder_.frames().size(), counts.size());
    return counts;
  }

  std::vector<EgressFrame> copies_;
};

TEST_F(JoiningTest, SmallFramesAreCopiedTogetherAndLargeOnesGathered) {
  Begin(Datagrams(10, 18));
  EXPECT_THAT(AppendAll(kJoins), ElementsAre(10));
  EXPECT_EQ(builder_.frames()[0].pieces.size(), 1U);
  EXPECT_EQ(Take()[0].size(), 42U + 10 * 18);

  Begin(Datagrams(10, 1400));
  EXPECT_THAT(AppendAll(kJoins), ElementsAre(10));
  ASSERT_EQ(builder_.frames()[0].pieces.size(), 11U);
  EXPECT_EQ(builder_.frames()[0].pieces[1].data, batch_[0].bytes().data() + 42);
  EXPECT_EQ(Take()[0].size(), 42U + 10 * 1400);
}

TEST_F(JoiningTest, OnlyNeighboursJoinSoThatTheOrderBetweenFlowsIsKept) {
  std::vector<IpPacket> packets = Datagrams(4, 18);
  packets.insert(packets.begin() + 2, Datagrams(1, 18, 2000)[0]);
  Begin(packets);
  EXPECT_THAT(AppendAll(kJoins), ElementsAre(2, 1, 2));
}

TEST_F(JoiningTest, FramesJoinOnlyForAPortThatTakesTheResultAndWantsIt) {
  Begin(Datagrams(3, 18));
  EXPECT_THAT(AppendAll({.accepted = OffloadSet::All(), .mtu = 1500}), ElementsAre(1, 1, 1));
  builder_.ClearFrames();
  OffloadSet without_udp;
  without_udp.insert(Offload::kChecksum);
  without_udp.insert(Offload::kTcp4);
  without_udp.insert(Offload::kUdp6);
  EXPECT_THAT(AppendAll({.accepted = without_udp, .mtu = 1500, .join = true}),
              ElementsAre(1, 1, 1));
}

TEST_F(JoiningTest, WhatIsDifferentlyTaggedDoesNotJoin) {
  Begin(Datagrams(4, 18));
  for (EgressFrame& copy : copies_) {
    copy.edit = TagEdit::kPush;
    copy.tag = {.protocol = EtherType::kVlan, .control = 5};
  }
  copies_[3].tag.control = 6;
  EXPECT_THAT(AppendAll(kJoins), ElementsAre(3, 1));
  const auto claimed = ParseVirtioNetHeader(
      std::span(builder_.frames()[0].pieces[0].data, 64).first<kVirtioNetHeaderSize>());
  ASSERT_TRUE(claimed.has_value());
  const auto sent = Take();
  EXPECT_EQ(ValidateOffload(*claimed, sent[0]), claimed);
  EXPECT_EQ(claimed->checksum_start, 14 + 4 + 20);
}

TEST_F(JoiningTest, AFrameTooLongForThePortIsRefusedByItself) {
  Begin(Datagrams(3, 1000));
  for (std::span<const EgressFrame> copies = copies_; !copies.empty(); copies = copies.subspan(1)) {
    const auto [result, count] =
        builder_.Append(copies, {.accepted = OffloadSet::All(), .mtu = 900, .join = true});
    EXPECT_EQ(result, Result::kTooLong);
    EXPECT_EQ(count, 1U);
  }
}

TEST_F(JoiningTest, AFullScratchAsksForAHandOverAndThenTakesTheFrames) {
  // Given a flood of datagrams that are copied together, some 50,000 bytes for each port,
  Begin(Datagrams(250, 200));
  // when the scratch of a MiB is full,
  size_t ports = 0;
  std::span<const EgressFrame> copies = copies_;
  const auto append = [&] { return builder_.Append(copies, kJoins); };
  for (auto appended = append(); appended.result != Result::kNoRoom; appended = append()) {
    builder_.ClearFrames();
    copies = copies.subspan(appended.count);
    if (copies.empty()) {
      copies = copies_;
      ASSERT_LT(++ports, 100U);
    }
  }
  // then there is room after a hand-over.
  builder_.ClearScratch();
  EXPECT_EQ(append().result, Result::kAppended);
}

}  // namespace
}  // namespace tapswitch::egress_builder_test
