// Which frames an allow list lets pass: tables of stations and frames.

#include "switch/forwarding/guards/allow_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "tests/support/guarded_bridge.h"

namespace tapswitch::allow_list_test {
namespace {

using ::testing::SizeIs;

using Bytes = std::vector<std::byte>;

constexpr auto S = GuardedStation;
constexpr Ipv4Number kIp1 = 0x0A000001;  // 10.0.0.1
constexpr Ipv4Number kIp2 = 0x0A000002;
constexpr Ipv6Number kIp61{0xFD00000000000000, 1};  // fd00::1
constexpr Ipv6Number kIp62{0xFD00000000000000, 2};
// Of S(1), 02:00:00:00:00:01.
constexpr Ipv6Number kLinkLocal1{0xFE80000000000000, 0x000000FFFE000001};
constexpr EtherType kRarp{0x8035};

// Station 1 is bound to addresses, station 2 to others, station 3 to none.
const AllowList& List() {
  static const AllowList list({{S(1), {kIp1}, {kIp61}}, {S(2), {kIp2}, {kIp62}}, {S(3), {}, {}}});
  return list;
}

FrameBuilder& Ip6(FrameBuilder& frame, const Ipv6Number& address) {
  for (const uint64_t half : address) {
    frame.U32(static_cast<uint32_t>(half >> 32U)).U32(static_cast<uint32_t>(half));
  }
  return frame;
}

// Puts what is behind a frame's type into a frame.
using Payload = std::function<void(FrameBuilder&)>;

Payload Ipv4(Ipv4Number source) {
  return [=](FrameBuilder& frame) {
    frame.U32(0x45000014).U32(0).U32(0x40110000).U32(source).U32(kIp2);
  };
}

Payload Arp(MacAddress sender, Ipv4Number ip) {
  return [=](FrameBuilder& frame) {
    frame.U16(1).U16(0x0800).U16(0x0604).U16(1).Bytes(sender.bytes()).U32(ip);
    frame.Bytes(MacAddress().bytes()).U32(kIp2);
  };
}

// `extensions` come between the header and what `next` puts.
Payload Ipv6(const Ipv6Number& source, uint8_t protocol, const Payload& next = nullptr) {
  return [=](FrameBuilder& frame) {
    frame.U32(0x60000000).U16(0).U8(protocol).U8(255);
    Ip6(Ip6(frame, source), kIp62);
    if (next) next(frame);
  };
}

constexpr uint8_t kIcmpv6 = 58;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kHopByHop = 0;

Payload Extended(uint8_t protocol, const Payload& next) {
  return [=](FrameBuilder& frame) {
    frame.U8(protocol).U8(0).U16(0).U32(0);
    next(frame);
  };
}

// A solicitation (135) or advertisement (136) of `target`, with a link-layer address.
Payload Neighbour(uint8_t type, const Ipv6Number& target, uint8_t option, MacAddress mac) {
  return [=](FrameBuilder& frame) {
    Ip6(frame.U8(type).U8(0).U16(0).U32(0), target);
    if (option != 0) frame.U8(option).U8(1).Bytes(mac.bytes());
  };
}

Bytes FrameOf(MacAddress source, EtherType type, const Payload& payload) {
  FrameBuilder frame(kBroadcastAddress, source);
  frame.Type(type);
  payload(frame);
  return frame.Build();
}

bool Allowed(const Bytes& frame) { return List().Allows(*ParseHeader(frame), frame); }
bool Allowed(MacAddress source, EtherType type, const Payload& payload) {
  return Allowed(FrameOf(source, type, payload));
}

TEST(AllowListTest, OnlyListedStationsSpeak) {
  const Payload nothing = [](FrameBuilder& frame) { frame.Pad(60); };
  EXPECT_TRUE(Allowed(S(1), EtherType{0x88B5}, nothing));
  EXPECT_TRUE(Allowed(S(3), EtherType{0x88B5}, nothing));
  EXPECT_FALSE(Allowed(S(4), EtherType{0x88B5}, nothing));
}

TEST(AllowListTest, Ipv4SourcesAreTheStations) {
  EXPECT_TRUE(Allowed(S(1), EtherType::kIpv4, Ipv4(kIp1)));
  EXPECT_TRUE(Allowed(S(1), EtherType::kIpv4, Ipv4(0))) << "DHCP";
  EXPECT_FALSE(Allowed(S(1), EtherType::kIpv4, Ipv4(kIp2)));
  EXPECT_TRUE(Allowed(S(3), EtherType::kIpv4, Ipv4(kIp2))) << "bound to none";
  EXPECT_FALSE(Allowed(S(1), EtherType::kIpv4, [](FrameBuilder& f) { f.U32(0x45000014); }))
      << "cut off";
}

TEST(AllowListTest, ArpSendersAreListedAndUseTheirOwnAddresses) {
  for (const EtherType type : {EtherType::kArp, kRarp}) {
    EXPECT_TRUE(Allowed(S(1), type, Arp(S(1), kIp1)));
    EXPECT_TRUE(Allowed(S(1), type, Arp(S(1), 0))) << "a probe";
    EXPECT_FALSE(Allowed(S(1), type, Arp(S(1), kIp2)));
    EXPECT_FALSE(Allowed(S(1), type, Arp(S(4), kIp1))) << "not listed";
    EXPECT_FALSE(Allowed(S(1), type, Arp(S(2), kIp1))) << "not its address";
    EXPECT_TRUE(Allowed(S(1), type, Arp(S(2), kIp2))) << "a second interface of the machine";
    EXPECT_TRUE(Allowed(S(3), type, Arp(S(3), kIp1)));
    EXPECT_FALSE(Allowed(S(3), type, [](FrameBuilder& f) { f.U16(1).U16(0x0800); })) << "cut off";
  }
}

TEST(AllowListTest, Ipv6SourcesAreTheStations) {
  EXPECT_TRUE(Allowed(S(1), EtherType::kIpv6, Ipv6(kIp61, kUdp)));
  EXPECT_TRUE(Allowed(S(1), EtherType::kIpv6, Ipv6({}, kUdp))) << "has none yet";
  EXPECT_TRUE(Allowed(S(1), EtherType::kIpv6, Ipv6(kLinkLocal1, kUdp)));
  EXPECT_FALSE(Allowed(S(2), EtherType::kIpv6, Ipv6(kLinkLocal1, kUdp)));
  EXPECT_FALSE(Allowed(S(1), EtherType::kIpv6, Ipv6(kIp62, kUdp)));
  EXPECT_TRUE(Allowed(S(3), EtherType::kIpv6, Ipv6(kIp62, kUdp)));
  EXPECT_FALSE(Allowed(S(3), EtherType::kIpv6, [](FrameBuilder& f) { f.U32(0x60000000); }));
}

TEST(AllowListTest, SolicitationsTellTheSendersOwnLinkLayerAddress) {
  const auto solicits = [](MacAddress mac) {
    return Ipv6(kIp61, kIcmpv6, Neighbour(135, kIp62, 1, mac));
  };
  EXPECT_TRUE(Allowed(S(1), EtherType::kIpv6, solicits(S(1))));
  EXPECT_FALSE(Allowed(S(1), EtherType::kIpv6, solicits(S(4)))) << "not listed";
  EXPECT_FALSE(Allowed(S(1), EtherType::kIpv6, solicits(S(2)))) << "not its address";
  EXPECT_TRUE(Allowed(S(1), EtherType::kIpv6, Ipv6({}, kIcmpv6, Neighbour(135, kIp61, 0, {}))))
      << "duplicate address detection";
}

TEST(AllowListTest, AdvertisementsAreOfTheStationsOwnAddress) {
  const auto advertises = [](const Ipv6Number& target, uint8_t option, MacAddress mac) {
    return Ipv6(kLinkLocal1, kIcmpv6, Neighbour(136, target, option, mac));
  };
  EXPECT_TRUE(Allowed(S(1), EtherType::kIpv6, advertises(kIp61, 2, S(1))));
  EXPECT_TRUE(Allowed(S(1), EtherType::kIpv6, advertises(kIp61, 0, {})));
  EXPECT_TRUE(Allowed(S(1), EtherType::kIpv6, advertises(kIp62, 2, S(2))));
  EXPECT_FALSE(Allowed(S(1), EtherType::kIpv6, advertises(kIp62, 2, S(1))));
  EXPECT_FALSE(Allowed(S(1), EtherType::kIpv6, advertises(kIp62, 0, {})));
  EXPECT_FALSE(Allowed(S(1), EtherType::kIpv6, advertises(kIp61, 2, S(4))));
}

TEST(AllowListTest, NothingHidesBehindExtensionHeaders) {
  Payload lie = Neighbour(136, kIp62, 2, S(1));
  Payload truth = Neighbour(136, kIp61, 2, S(1));
  uint8_t protocol = kIcmpv6;
  for (int headers = 1; headers <= 8; ++headers) {
    lie = Extended(protocol, lie);
    truth = Extended(protocol, truth);
    protocol = kHopByHop;
    EXPECT_FALSE(Allowed(S(1), EtherType::kIpv6, Ipv6(kIp61, kHopByHop, lie)));
    EXPECT_TRUE(Allowed(S(1), EtherType::kIpv6, Ipv6(kIp61, kHopByHop, truth)));
  }
  EXPECT_FALSE(Allowed(S(1), EtherType::kIpv6, Ipv6(kIp61, kHopByHop, Extended(protocol, truth))))
      << "so many that they are not followed";
}

TEST(AllowListTest, MalformedNeighbourMessagesAreNotAllowed) {
  const Bytes whole =
      FrameOf(S(1), EtherType::kIpv6, Ipv6(kIp61, kIcmpv6, Neighbour(136, kIp61, 2, S(1))));
  constexpr size_t kOptionOffset = kEthernetHeaderSize + 40 + 24;
  ASSERT_TRUE(Allowed(whole));
  for (size_t size = kEthernetHeaderSize; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(Allowed(cut), size == kOptionOffset) << size << " bytes";
  }
  Bytes empty_option = whole;
  empty_option[kOptionOffset + 1] = std::byte{0};
  EXPECT_FALSE(Allowed(empty_option));
}

TEST(AllowListTest, WhatStandsBehindThePacketIsPadding) {
  const Bytes frame = FrameOf(S(1), EtherType::kIpv6, [](FrameBuilder& f) {
    f.U32(0x60000000).U16(24).U8(kIcmpv6).U8(255);
    Neighbour(136, kIp61, 0, {})(Ip6(Ip6(f, kIp61), kIp62));
    f.U32(0);
  });
  EXPECT_TRUE(Allowed(frame));
}

TEST(AllowListTest, TagsAndSnapHideNothing) {
  const auto tagged = [](int tags, Ipv4Number ip) {
    FrameBuilder frame(kBroadcastAddress, S(1));
    for (int i = 0; i < tags; ++i) {
      frame.Tag(i % 2 == 0 ? EtherType::kServiceVlan : EtherType::kVlan, 10);
    }
    frame.Type(EtherType::kIpv4);
    Ipv4(ip)(frame);
    return frame.Build();
  };
  for (const int tags : {1, 2, 3, 9}) {
    EXPECT_TRUE(Allowed(tagged(tags, kIp1)));
    EXPECT_FALSE(Allowed(tagged(tags, kIp2)));
  }
  EXPECT_FALSE(Allowed(tagged(10, kIp1))) << "so many that they are not followed";
  const auto snap = [](Ipv4Number ip) {
    FrameBuilder frame(kBroadcastAddress, S(1));
    frame.Length(28).U16(0xAAAA).U16(0x0300).U16(0).Type(EtherType::kIpv4);
    Ipv4(ip)(frame);
    return frame.Build();
  };
  EXPECT_TRUE(Allowed(snap(kIp1)));
  EXPECT_FALSE(Allowed(snap(kIp2)));
}

class SpoofingTest : public GuardedBridge {
 protected:
  SpoofingTest() {
    ports_[0].security.allowed = std::make_shared<const AllowList>(List());
    SetView();
  }
};

TEST_F(SpoofingTest, SpoofedFramesAreDroppedTeachNothingAndAreReportedOnce) {
  EXPECT_TRUE(Passes(kA, FrameOf(S(1), EtherType::kArp, Arp(S(1), kIp1))));
  EXPECT_FALSE(Passes(kA, FrameOf(S(2), EtherType::kArp, Arp(S(2), kIp1))));
  EXPECT_FALSE(Passes(kA, S(4), kBroadcastAddress));
  EXPECT_EQ(Dropped(kA, DropReason::kSpoofed), 2U);
  EXPECT_EQ(Behind(S(2)), std::nullopt);
  EXPECT_EQ(Behind(S(4)), std::nullopt);
  const auto alarms = TakeAlarms();
  ASSERT_THAT(alarms, SizeIs(1));
  EXPECT_EQ(alarms[0].kind, Alarm::Kind::kSpoofing);
  EXPECT_EQ(alarms[0].address, S(2));
}

TEST_F(SpoofingTest, OtherPortsAreFree) { EXPECT_TRUE(Passes(kB, S(4), kBroadcastAddress)); }

TEST_F(SpoofingTest, WithVlansToo) {
  const auto tagged = [](MacAddress sender, Ipv4Number ip) {
    FrameBuilder frame(kBroadcastAddress, S(1));
    frame.Tag(EtherType::kVlan, 10).Type(EtherType::kArp);
    Arp(sender, ip)(frame);
    return frame.Build();
  };
  for (PortForwarding& port : ports_) port.vlans.members.insert({10});
  bridge_.SetView(ForwardingView(ports_, {.vlan_filtering = true}));
  EXPECT_TRUE(Passes(kA, tagged(S(1), kIp1)));
  EXPECT_FALSE(Passes(kA, tagged(S(1), kIp2)));
  EXPECT_EQ(Dropped(kA, DropReason::kSpoofed), 1U);
}

}  // namespace
}  // namespace tapswitch::allow_list_test
