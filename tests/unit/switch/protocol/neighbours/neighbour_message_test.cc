// What ARP and neighbour discovery frames say, and what is not believed.

#include "switch/protocol/neighbours/neighbour_message.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/support/neighbour_frames.h"

namespace tapswitch::neighbour_message_test {
namespace {

constexpr MacAddress kHost = MacAddress::FromNumber(0x020000000001);
constexpr MacAddress kOther = MacAddress::FromNumber(0x020000000002);
constexpr uint32_t kIp1 = 0x0A530001;  // 10.83.0.1
constexpr uint32_t kIp2 = 0x0A530002;

NeighbourMessage Read(const Bytes& frame) {
  const auto header = ParseHeader(frame);
  return header ? ReadNeighbourMessage(*header, frame) : NeighbourMessage{};
}

NeighbourMessage Read(const ArpFrame& frame) { return Read(frame.Build()); }
NeighbourMessage Read(const NdFrame& frame) { return Read(frame.Build()); }

const NeighbourMessage kNothing;

ArpFrame Request() { return {.source = kHost, .sender = kIp1, .target = kIp2}; }

TEST(ArpMessageTest, ARequestAsksAndTellsWhoAsks) {
  EXPECT_EQ(Read(Request()),
            (NeighbourMessage{
                .claim = NeighbourClaim{.address = IpAddress::FromV4(kIp1)},
                .question = NeighbourQuestion{IpAddress::FromV4(kIp2), IpAddress::FromV4(kIp1)}}));
}

TEST(ArpMessageTest, AReplyTellsWhoItIsFrom) {
  const ArpFrame reply{.destination = kOther,
                       .source = kHost,
                       .operation = 2,
                       .sender = kIp1,
                       .target_mac = kOther,
                       .target = kIp2};
  EXPECT_EQ(Read(reply),
            (NeighbourMessage{.claim = NeighbourClaim{.address = IpAddress::FromV4(kIp1)}}));
}

TEST(ArpMessageTest, AnAnnouncementIsNoQuestion) {
  ArpFrame announcement = Request();
  announcement.target = kIp1;
  EXPECT_TRUE(Read(announcement).claim);
  EXPECT_FALSE(Read(announcement).question);
}

TEST(ArpMessageTest, AProbeForAFreeAddressIsForItsOwner) {
  ArpFrame probe = Request();
  probe.sender = 0;
  EXPECT_EQ(Read(probe), kNothing);
}

TEST(ArpMessageTest, AQuestionToOneStationIsForThatStation) {
  ArpFrame request = Request();
  request.destination = kOther;
  EXPECT_TRUE(Read(request).claim);
  EXPECT_FALSE(Read(request).question);
}

TEST(ArpMessageTest, NobodySpeaksForOthers) {
  ArpFrame request = Request();
  request.sender_mac = kOther;
  EXPECT_EQ(Read(request), kNothing);
}

TEST(ArpMessageTest, AddressesThatNoStationHasAreNotBelieved) {
  for (const uint32_t address : {0x00000001U, 0x7F000001U, 0xE0000001U, 0xF0000001U, 0xFFFFFFFFU}) {
    ArpFrame request = Request();
    request.sender = address;
    EXPECT_EQ(Read(request), kNothing) << address;
    request = Request();
    request.target = address;
    EXPECT_FALSE(Read(request).question) << address;
  }
}

TEST(ArpMessageTest, OtherHardwareProtocolsAndOperationsSayNothing) {
  const Bytes good = Request().Build();
  for (size_t at = 14; at < 22; ++at) {
    Bytes bad = good;
    bad[at] ^= std::byte{0x10};
    EXPECT_EQ(Read(bad), kNothing) << "byte " << at;
  }
}

TEST(ArpMessageTest, ACutOneSaysNothing) {
  const Bytes good = Request().Build();
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(Read(Bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(size))), kNothing)
        << size;
  }
}

TEST(NdMessageTest, ASolicitationAsksAndTellsWhoAsks) {
  EXPECT_EQ(Read(Solicitation(kHost, 1, 2)),
            (NeighbourMessage{.claim = NeighbourClaim{.address = Ip6(1)},
                              .question = NeighbourQuestion{Ip6(2), Ip6(1)}}));
}

TEST(NdMessageTest, AnAdvertisementTellsWhoItIsFromAndWhetherItRoutes) {
  EXPECT_EQ(Read(Advertisement(kHost, 1, kOther, 2)),
            (NeighbourMessage{.claim = NeighbourClaim{
                                  .address = Ip6(1), .is_router = false, .overrides = true}}));
  EXPECT_EQ(Read(Advertisement(kHost, 1, kOther, 2, 0xC0000000)),
            (NeighbourMessage{.claim = NeighbourClaim{
                                  .address = Ip6(1), .is_router = true, .overrides = false}}));
}

TEST(NdMessageTest, ARouterTellsThatItIsOne) {
  // Its options begin where a solicitation has the second half of its target.
  const Bytes option = LinkAddressOption(1, kHost);
  std::array<std::byte, 16> timers_and_option{};
  std::copy(option.begin(), option.end(), timers_and_option.begin() + 8);
  NdFrame router = Advertisement(kHost, 1, kOther, 2, 0x40000708);
  router.type = 134;
  router.target = IpAddress::FromV6(timers_and_option);
  router.options = {};
  EXPECT_EQ(Read(router),
            (NeighbourMessage{.claim = NeighbourClaim{.address = Ip6(1), .is_router = true}}));
}

TEST(NdMessageTest, AProbeForAFreeAddressIsForItsOwner) {
  NdFrame probe = Solicitation(kHost, 1, 2);
  probe.from = {};
  probe.options = {};
  EXPECT_EQ(Read(probe), kNothing);
}

TEST(NdMessageTest, AQuestionToOneStationIsForThatStation) {
  NdFrame question = Solicitation(kHost, 1, 2);
  question.destination = kOther;
  question.to = Ip6(2);
  EXPECT_FALSE(Read(question).question);
}

TEST(NdMessageTest, NobodySpeaksForOthers) {
  NdFrame question = Solicitation(kHost, 1, 2);
  question.options = LinkAddressOption(1, kOther);
  EXPECT_EQ(Read(question), kNothing);
  NdFrame answer = Advertisement(kHost, 1, kOther, 2);
  answer.options = LinkAddressOption(2, kOther);
  EXPECT_EQ(Read(answer), kNothing);
  answer.options = {};
  EXPECT_EQ(Read(answer), kNothing) << "it does not say whose address it is";
}

TEST(NdMessageTest, WhatCameOverARouterOrIsDamagedSaysNothing) {
  NdFrame question = Solicitation(kHost, 1, 2);
  question.hop_limit = 254;
  EXPECT_EQ(Read(question), kNothing);
  question = Solicitation(kHost, 1, 2);
  question.checksum = 0x1234;
  EXPECT_EQ(Read(question), kNothing);
}

TEST(NdMessageTest, OptionsThatDoNotFitSayNothing) {
  for (const Bytes& options :
       {Bytes{std::byte{1}}, Bytes(8), Bytes{std::byte{1}, std::byte{2}, std::byte{0}},
        Bytes{std::byte{14}, std::byte{255}}}) {
    NdFrame question = Solicitation(kHost, 1, 2);
    question.options = options;
    EXPECT_EQ(Read(question), kNothing);
  }
}

TEST(NdMessageTest, OtherOptionsAreSkipped) {
  NdFrame question = Solicitation(kHost, 1, 2);
  Bytes options(16);
  options[0] = std::byte{14};  // a nonce, of two units
  options[1] = std::byte{2};
  options.insert(options.end(), question.options.begin(), question.options.end());
  question.options = options;
  EXPECT_TRUE(Read(question).claim);
  EXPECT_TRUE(Read(question).question);
}

TEST(NdMessageTest, ACutOneSaysNothingAndPaddingIsNoPart) {
  const Bytes good = Solicitation(kHost, 1, 2).Build();
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(Read(Bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(size))), kNothing)
        << size;
  }
  Bytes padded = good;
  padded.resize(good.size() + 10, std::byte{0xAA});
  EXPECT_EQ(Read(padded), Read(good));
}

TEST(IpAddressTest, TellsBothVersionsApart) {
  EXPECT_TRUE(IpAddress::FromV4(kIp1).is_v4());
  EXPECT_EQ(IpAddress::FromV4(kIp1).v4(), kIp1);
  EXPECT_FALSE(Ip6(1).is_v4());
  EXPECT_TRUE(IpAddress{}.is_unspecified());
  EXPECT_FALSE(IpAddress{}.is_station());
  EXPECT_TRUE(Ip6(1).is_station());
  EXPECT_FALSE(SolicitedNode(1).is_station());
}

}  // namespace
}  // namespace tapswitch::neighbour_message_test
