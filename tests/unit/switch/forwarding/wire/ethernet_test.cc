#include "switch/forwarding/wire/ethernet.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/frame_builder.h"

namespace tapswitch::ethernet_test {
namespace {

TEST(MacAddressTest, ParsesAndPrintsAsIproute2Does) {
  EXPECT_EQ(MacAddress::Parse("02:00:5E:10:00:01")->ToString(), "02:00:5e:10:00:01");
  EXPECT_EQ(MacAddress::Parse("02-00-5e-10-00-01")->number(), 0x02005E100001U);
}

TEST(MacAddressTest, RefusesOtherText) {
  for (const char* text : {"", "02:00:5e:10:00", "02:00:5e:10:00:0g", "02:00:5e:10:00:01:",
                           "0200.5e10.0001.00", "2:0:5e:10:0:1", "02:00:5e:10:00 01"}) {
    EXPECT_FALSE(MacAddress::Parse(text).has_value()) << text;
  }
}

TEST(MacAddressTest, KnowsItsKinds) {
  EXPECT_TRUE(kBroadcastAddress.is_broadcast());
  EXPECT_TRUE(kBroadcastAddress.is_multicast());
  EXPECT_TRUE(MacAddress::Parse("33:33:00:00:00:01")->is_multicast());
  EXPECT_FALSE(MacAddress::Parse("02:00:00:00:00:01")->is_multicast());
  EXPECT_TRUE(MacAddress().is_zero());
}

TEST(MacAddressTest, ReservedAreTheSixteenOf8021Q) {
  EXPECT_TRUE(MacAddress::FromNumber(0x0180C2000000).is_reserved());
  EXPECT_TRUE(MacAddress::FromNumber(0x0180C200000F).is_reserved());
  EXPECT_FALSE(MacAddress::FromNumber(0x0180C2000010).is_reserved());
  EXPECT_FALSE(MacAddress::FromNumber(0x0180C1FFFFFF).is_reserved());
}

constexpr MacAddress kSource = MacAddress::FromNumber(0x020000000001);
constexpr MacAddress kDestination = MacAddress::FromNumber(0x020000000002);

TEST(ParseHeaderTest, EthernetTwo) {
  const auto frame = FrameBuilder(kDestination, kSource).Type(EtherType::kIpv4).Pad(60).Build();
  const auto header = ParseHeader(frame);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->destination, kDestination);
  EXPECT_EQ(header->source, kSource);
  EXPECT_FALSE(header->tag.has_value());
  EXPECT_EQ(header->type_or_length, 0x0800);
  EXPECT_FALSE(header->is_llc());
  EXPECT_EQ(header->payload_offset, 14);
}

TEST(ParseHeaderTest, LengthWithLlc) {
  const auto frame = FrameBuilder(kDestination, kSource).Length(38).Pad(60).Build();
  const auto header = ParseHeader(frame);
  ASSERT_TRUE(header.has_value());
  EXPECT_TRUE(header->is_llc());
  EXPECT_EQ(header->type_or_length, 38);
}

TEST(ParseHeaderTest, CustomerAndServiceTags) {
  for (const EtherType protocol : {EtherType::kVlan, EtherType::kServiceVlan}) {
    const auto frame = FrameBuilder(kDestination, kSource)
                           .Tag(protocol, 0xE00A)
                           .Type(EtherType::kIpv6)
                           .Pad(60)
                           .Build();
    const auto header = ParseHeader(frame);
    ASSERT_TRUE(header.has_value());
    ASSERT_TRUE(header->tag.has_value());
    EXPECT_EQ(header->tag->protocol, protocol);
    EXPECT_EQ(header->tag->vid(), 10);
    EXPECT_FALSE(header->tag->is_priority_tag());
    EXPECT_EQ(header->type_or_length, 0x86DD);
    EXPECT_EQ(header->payload_offset, 18);
  }
}

TEST(ParseHeaderTest, PriorityTagHasVidZero) {
  const auto frame = FrameBuilder(kDestination, kSource)
                         .Tag(EtherType::kVlan, 0xA000)
                         .Type(EtherType::kArp)
                         .Build();
  EXPECT_TRUE(ParseHeader(frame)->tag->is_priority_tag());
}

TEST(ParseHeaderTest, OnlyTheOuterTagIsRead) {
  const auto frame = FrameBuilder(kDestination, kSource)
                         .Tag(EtherType::kServiceVlan, 100)
                         .Tag(EtherType::kVlan, 200)
                         .Type(EtherType::kIpv4)
                         .Build();
  const auto header = ParseHeader(frame);
  EXPECT_EQ(header->tag->vid(), 100);
  EXPECT_EQ(header->type_or_length, 0x8100);
  EXPECT_EQ(header->payload_offset, 18);
}

TEST(ParseHeaderTest, RefusesWhatIsTooShort) {
  const auto plain = FrameBuilder(kDestination, kSource).Type(EtherType::kIpv4).Build();
  const auto tagged =
      FrameBuilder(kDestination, kSource).Tag(EtherType::kVlan, 1).Type(EtherType::kIpv4).Build();
  for (size_t size = 0; size < plain.size(); ++size) {
    EXPECT_FALSE(ParseHeader(std::span(plain).first(size)).has_value()) << size;
  }
  EXPECT_TRUE(ParseHeader(plain).has_value());
  for (size_t size = 14; size < tagged.size(); ++size) {
    EXPECT_FALSE(ParseHeader(std::span(tagged).first(size)).has_value()) << size;
  }
  EXPECT_TRUE(ParseHeader(tagged).has_value());
}

}  // namespace
}  // namespace tapswitch::ethernet_test
