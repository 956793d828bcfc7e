// A layer-3 device as a station: bytes and the time in, bytes out.

#include "ports/layer3/station.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "switch/forwarding/offload/checksum.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire/bytes.h"
#include "switch/forwarding/wire/ip_headers.h"

namespace tapswitch::station_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Bytes = std::vector<std::byte>;
using Incoming = Layer3Station::Incoming;
using Outgoing = Layer3Station::Outgoing;

constexpr MacAddress kOwn = MacAddress::FromNumber(0x020000000005);
constexpr MacAddress kPeer = MacAddress::FromNumber(0x020000000009);
constexpr MacAddress kOther = MacAddress::FromNumber(0x02000000000A);

constexpr IpAddress V4(uint32_t address) { return IpAddress::FromV4(address); }
IpAddress V6(uint16_t first, uint16_t last) {
  std::array<std::byte, 16> bytes{};
  StoreBe16(bytes.data(), first);
  StoreBe16(&bytes[14], last);
  return IpAddress::FromV6(bytes);
}

const IpAddress kOwn4 = V4(0x0A000005);   // 10.0.0.5
const IpAddress kPeer4 = V4(0x0A000009);  // 10.0.0.9
const IpAddress kFar4 = V4(0xC0000201);   // 192.0.2.1
const IpAddress kGateway4 = V4(0x0A000001);
const IpAddress kBehind4 = V4(0x0A010203);  // 10.1.2.3
const IpAddress kOwn6 = V6(0xFD00, 5);
const IpAddress kPeer6 = V6(0xFD00, 9);

StationConfig Config() {
  return {.mac = kOwn,
          .addresses = {{.address = kOwn4, .length = 24}, {.address = kOwn6, .length = 64}},
          .routes = {{.address = V4(0x0A010000), .length = 16}},
          .gateways = {kGateway4}};
}

// A packet with no payload, behind a virtio-net header and room for an Ethernet header.
Bytes PacketTo(IpAddress destination, std::byte mark = std::byte{0}) {
  const bool is_v4 = destination.is_v4();
  const size_t size = is_v4 ? ipv4::kMinHeaderSize : ipv6::kHeaderSize;
  Bytes wire(kVirtioNetHeaderSize + kEthernetHeaderSize + size + 1);
  std::byte* const ip = &wire[kVirtioNetHeaderSize + kEthernetHeaderSize];
  ip[0] = is_v4 ? std::byte{0x45} : std::byte{0x60};
  ip[size] = mark;
  if (is_v4) {
    StoreBe32(ip + ipv4::kAddresses, kOwn4.v4());
    StoreBe32(ip + ipv4::kAddresses + ipv4::kAddressSize, destination.v4());
  } else {
    std::ranges::copy(kOwn6.bytes(), ip + ipv6::kAddresses);
    std::ranges::copy(destination.bytes(), ip + ipv6::kAddresses + ipv6::kAddressSize);
  }
  return wire;
}

MacAddress DestinationOf(std::span<const std::byte> wire) {
  return MacAddress::FromNumber(LoadBe48(&wire[kVirtioNetHeaderSize]));
}
MacAddress SourceOf(std::span<const std::byte> wire) {
  return MacAddress::FromNumber(LoadBe48(&wire[kVirtioNetHeaderSize + kMacAddressSize]));
}

class StationTest : public testing::Test {
 protected:
  Outgoing Out(Bytes& wire) { return station_.OnPacket(wire, now_); }
  Outgoing Out(IpAddress destination) {
    Bytes wire = PacketTo(destination);
    return Out(wire);
  }
  Incoming In(const Bytes& frame) { return station_.OnFrame(frame, now_); }
  // The peer asks, answers, or says that it is there.
  Incoming Ask(IpAddress target, IpAddress asker, std::optional<MacAddress> to = std::nullopt) {
    return In(MakeQuestion({.mac = kPeer, .address = asker}, target, to));
  }
  Incoming Answer(MacAddress mac, IpAddress address) {
    return In(MakeAnswer({.mac = mac, .address = address},
                         {.target = address, .asker = address.is_v4() ? kOwn4 : kOwn6}, kOwn));
  }
  // The frames that the station sends by itself, without their virtio-net headers.
  std::vector<Bytes> Sent() {
    std::vector<Bytes> sent;
    while (station_.has_frames()) {
      const Bytes wire = station_.TakeFrame();
      sent.emplace_back(wire.begin() + kVirtioNetHeaderSize, wire.end());
    }
    return sent;
  }
  void Pass(Ticks time) {
    now_ = now_ + time;
    station_.OnTick(now_);
  }

  Tick now_{1000};
  Layer3Station station_{Config()};
  StationIdentity own4_{.mac = kOwn, .address = kOwn4};
  StationIdentity own6_{.mac = kOwn, .address = kOwn6};
};

// ---- Packets of the device

TEST_F(StationTest, APacketWaitsUntilItsNextHopIsKnown) {
  Bytes first = PacketTo(kPeer4);
  EXPECT_EQ(Out(first), Outgoing::kHeld);
  EXPECT_THAT(Sent(), ElementsAre(MakeQuestion(own4_, kPeer4, std::nullopt)));
  EXPECT_EQ(Answer(kPeer, kPeer4), Incoming::kTaken);
  ASSERT_TRUE(station_.has_frames());
  const Bytes released = station_.TakeFrame();
  EXPECT_EQ(DestinationOf(released), kPeer);
  EXPECT_EQ(SourceOf(released), kOwn);
  EXPECT_EQ(LoadBe16(&released[kVirtioNetHeaderSize + kTypeOffset]), 0x0800);

  Bytes second = PacketTo(kPeer4);
  EXPECT_EQ(Out(second), Outgoing::kSend);
  EXPECT_EQ(DestinationOf(second), kPeer);
}

TEST_F(StationTest, Ipv6IsResolvedByNeighbourDiscovery) {
  EXPECT_EQ(Out(kPeer6), Outgoing::kHeld);
  const auto sent = Sent();
  ASSERT_THAT(sent, ElementsAre(MakeQuestion(own6_, kPeer6, std::nullopt)));
  EXPECT_EQ(MacAddress::FromNumber(LoadBe48(sent[0].data())),
            MacAddress::FromNumber(0x3333FF000009));
  EXPECT_EQ(Answer(kPeer, kPeer6), Incoming::kTaken);
  ASSERT_TRUE(station_.has_frames());
  EXPECT_EQ(LoadBe16(&station_.TakeFrame()[kVirtioNetHeaderSize + kTypeOffset]), 0x86DD);
  Bytes next = PacketTo(kPeer6);
  EXPECT_EQ(Out(next), Outgoing::kSend);
  EXPECT_EQ(DestinationOf(next), kPeer);
}

TEST_F(StationTest, WhatIsFarGoesToTheGateway) {
  EXPECT_EQ(Out(kFar4), Outgoing::kHeld);
  EXPECT_THAT(Sent(), ElementsAre(MakeQuestion(own4_, kGateway4, std::nullopt)));
  static_cast<void>(Answer(kPeer, kGateway4));
  EXPECT_EQ(DestinationOf(station_.TakeFrame()), kPeer);
  EXPECT_EQ(Out(V6(0x2001, 1)), Outgoing::kNoRoute) << "there is no gateway of IPv6";
}

TEST_F(StationTest, GroupsAndBroadcastsNeedNoAnswer) {
  const std::vector<std::pair<IpAddress, uint64_t>> cases{{V4(0xE0800001), 0x01005E000001},
                                                          {V6(0xFF02, 0xFB), 0x3333000000FB},
                                                          {V4(0xFFFFFFFF), 0xFFFFFFFFFFFF},
                                                          {V4(0x0A0000FF), 0xFFFFFFFFFFFF}};
  for (const auto& [destination, mac] : cases) {
    Bytes wire = PacketTo(destination);
    EXPECT_EQ(Out(wire), Outgoing::kSend);
    EXPECT_EQ(DestinationOf(wire).number(), mac);
  }
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(StationTest, WhatIsNoPacketHasNoRoute) {
  Bytes empty(kVirtioNetHeaderSize + kEthernetHeaderSize);
  EXPECT_EQ(Out(empty), Outgoing::kNoRoute);
  Bytes odd = PacketTo(kPeer4);
  odd[kVirtioNetHeaderSize + kEthernetHeaderSize] = std::byte{0x55};
  EXPECT_EQ(Out(odd), Outgoing::kNoRoute);
  Bytes cut = PacketTo(kPeer4);
  cut.resize(kVirtioNetHeaderSize + kEthernetHeaderSize + 19);
  EXPECT_EQ(Out(cut), Outgoing::kNoRoute);
}

TEST_F(StationTest, WhoDoesNotAnswerIsAskedAgainAndGivenUp) {
  EXPECT_EQ(Out(kPeer4), Outgoing::kHeld);
  EXPECT_TRUE(station_.is_waiting());
  for (int i = 0; i < 3; ++i) Pass(NeighbourCache::kBetweenQuestions);
  EXPECT_EQ(Sent().size(), 3U);
  const auto lost = station_.TakeGivenUp();
  EXPECT_EQ(lost.packets, 1U);
  EXPECT_EQ(lost.bytes, PacketTo(kPeer4).size() - kVirtioNetHeaderSize);
  EXPECT_EQ(station_.TakeGivenUp().packets, 0U);
  EXPECT_FALSE(station_.is_waiting());
}

TEST_F(StationTest, FewPacketsWaitAndInOrder) {
  for (size_t i = 0; i < Layer3Station::kMostHeldEach; ++i) {
    Bytes wire = PacketTo(kPeer4, static_cast<std::byte>(i));
    EXPECT_EQ(Out(wire), Outgoing::kHeld);
  }
  EXPECT_EQ(Out(kPeer4), Outgoing::kNoNeighbour);
  static_cast<void>(Sent());
  static_cast<void>(Answer(kPeer, kPeer4));
  const auto released = Sent();
  ASSERT_EQ(released.size(), Layer3Station::kMostHeldEach);
  for (size_t i = 0; i < released.size(); ++i) EXPECT_EQ(released[i].back(), std::byte(i));
}

TEST_F(StationTest, WhatWaitsForAllTogetherIsBounded) {
  uint64_t held = 0;
  for (uint32_t i = 0; i < 254; ++i) {
    Bytes wire = PacketTo(V4(0x0A000000 + i));
    wire.resize(60'000);
    held += Out(wire) == Outgoing::kHeld ? 1 : 0;
  }
  EXPECT_EQ(held, Layer3Station::kMostHeldBytes / 60'000);
  station_.Reset();
  EXPECT_EQ(station_.TakeGivenUp().packets, held);
}

// ---- Frames of the network

TEST_F(StationTest, AnswersForItsOwnAddressesAndForWhatIsBehindIt) {
  for (const IpAddress target : {kOwn4, kBehind4}) {
    EXPECT_EQ(Ask(target, kPeer4), Incoming::kTaken);
    EXPECT_THAT(Sent(), ElementsAre(MakeAnswer({.mac = kOwn, .address = target},
                                               {.target = target, .asker = kPeer4}, kPeer)));
  }
  EXPECT_EQ(Ask(kOwn6, kPeer6), Incoming::kTaken);
  EXPECT_THAT(Sent(), ElementsAre(MakeAnswer(own6_, {.target = kOwn6, .asker = kPeer6}, kPeer)));
}

TEST_F(StationTest, AQuestionToItAloneIsAnsweredToo) {
  EXPECT_EQ(Ask(kOwn4, kPeer4, kOwn), Incoming::kTaken);
  EXPECT_EQ(Sent().size(), 1U);
  EXPECT_EQ(Ask(kOwn6, kPeer6, kOwn), Incoming::kTaken);
  EXPECT_EQ(Sent().size(), 1U);
}

TEST_F(StationTest, SaysNothingForOthers) {
  for (const IpAddress target : {kPeer4, kGateway4, kFar4}) {
    EXPECT_EQ(Ask(target, V4(0x0A000063)), Incoming::kTaken);
  }
  EXPECT_EQ(Ask(V6(0xFD00, 0x63), kPeer6), Incoming::kTaken);
  EXPECT_THAT(Sent(), IsEmpty());
}

// RFC 5227, 2.1.1; RFC 4862, 5.4.
TEST_F(StationTest, DefendsItsAddressAgainstWhoWouldTakeIt) {
  EXPECT_EQ(Ask(kOwn4, V4(0)), Incoming::kTaken);
  EXPECT_EQ(Sent().size(), 1U);
  EXPECT_EQ(Ask(kOwn6, IpAddress()), Incoming::kTaken);
  const auto answers = Sent();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(MacAddress::FromNumber(LoadBe48(answers[0].data())).number(), 0x333300000001U);
  EXPECT_EQ(answers[0][kEthernetHeaderSize + ipv6::kHeaderSize + 4], std::byte{0x20})
      << "overrides, and is not solicited";
}

TEST_F(StationTest, WhoAsksIsKnownFromThenOn) {
  static_cast<void>(Ask(kOwn4, kPeer4));
  static_cast<void>(Sent());
  EXPECT_EQ(Out(kPeer4), Outgoing::kSend);
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(StationTest, WhoIsNotWantedIsNotKept) {
  static_cast<void>(Answer(kPeer, kPeer4));
  static_cast<void>(Ask(kOwn4, kFar4));  // who is not on this link
  EXPECT_EQ(station_.neighbours(), 0U);
}

TEST_F(StationTest, AStationThatMovesIsFollowed) {
  static_cast<void>(Ask(kOwn4, kPeer4));
  EXPECT_EQ(In(MakeAnnouncement({.mac = kOther, .address = kPeer4})), Incoming::kTaken);
  Bytes wire = PacketTo(kPeer4);
  EXPECT_EQ(Out(wire), Outgoing::kSend);
  EXPECT_EQ(DestinationOf(wire), kOther);
}

TEST_F(StationTest, NobodyTakesItsOwnAddress) {
  static_cast<void>(In(MakeAnnouncement({.mac = kOther, .address = kOwn4})));
  EXPECT_EQ(station_.neighbours(), 0U);
}

TEST_F(StationTest, LyingMessagesTeachNothing) {
  EXPECT_EQ(Out(kPeer4), Outgoing::kHeld);
  EXPECT_EQ(Out(kPeer6), Outgoing::kHeld);
  Bytes arp =
      MakeAnswer({.mac = kPeer, .address = kPeer4}, {.target = kPeer4, .asker = kOwn4}, kOwn);
  StoreBe48(&arp[kMacAddressSize], kOther.number());
  EXPECT_EQ(In(arp), Incoming::kTaken) << "another one has sent it";
  Bytes nd =
      MakeAnswer({.mac = kPeer, .address = kPeer6}, {.target = kPeer6, .asker = kOwn6}, kOwn);
  nd[kEthernetHeaderSize + ipv6::kHeaderSize + 2] ^= std::byte{1};
  EXPECT_EQ(In(nd), Incoming::kTaken) << "its checksum is wrong";
  nd = MakeAnswer({.mac = kPeer, .address = kPeer6}, {.target = kPeer6, .asker = kOwn6}, kOwn);
  nd[kEthernetHeaderSize + ipv6::kHopLimit] = std::byte{254};
  EXPECT_EQ(In(nd), Incoming::kTaken) << "it came through a router";
  nd.resize(60);
  EXPECT_EQ(In(nd), Incoming::kTaken) << "it is cut";
  static_cast<void>(Sent());
  EXPECT_TRUE(station_.is_waiting());
}

TEST_F(StationTest, DeliversIpToItselfToGroupsAndToAll) {
  for (const IpAddress destination : {kOwn4, kOwn6}) {
    const Bytes wire = PacketTo(destination);
    Bytes frame(wire.begin() + kVirtioNetHeaderSize, wire.end());
    StoreBe16(&frame[kTypeOffset], destination.is_v4() ? 0x0800 : 0x86DD);
    for (const uint64_t mac : {kOwn.number(), uint64_t{0xFFFFFFFFFFFF}, uint64_t{0x333300000001}}) {
      StoreBe48(frame.data(), mac);
      EXPECT_EQ(In(frame), Incoming::kDeliver);
    }
    StoreBe48(frame.data(), kOther.number());
    EXPECT_EQ(In(frame), Incoming::kOtherStation);
    StoreBe48(frame.data(), kOwn.number());
    StoreBe16(&frame[kTypeOffset], destination.is_v4() ? 0x86DD : 0x0800);
    EXPECT_EQ(In(frame), Incoming::kNotIp) << "of another version";
    for (const uint16_t type : std::initializer_list<uint16_t>{0x8100, 0x88B5, 0x0026}) {
      StoreBe16(&frame[kTypeOffset], type);
      EXPECT_EQ(In(frame), Incoming::kNotIp) << type;
    }
  }
  EXPECT_EQ(In(Bytes(13)), Incoming::kNotIp);
}

TEST_F(StationTest, TellsAllThatItIsThere) {
  station_.Announce();
  EXPECT_THAT(Sent(), ElementsAre(MakeAnnouncement(own4_), MakeAnnouncement(own6_)));
}

}  // namespace
}  // namespace tapswitch::station_test
