#include "switch/forwarding/group_decision.h"

#include <gtest/gtest.h>

#include <vector>

#include "switch/forwarding/decision.h"
#include "tests/support/frame_builder.h"

namespace tapswitch::group_decision_test {
namespace {

constexpr PortId kSender{0};
constexpr PortId kMember{1};
constexpr PortId kOther{2};
constexpr PortId kRouter{3};

constexpr MacAddress kStation = MacAddress::FromNumber(0x020000000001);
constexpr uint32_t kGroup = 0xEF010101;
constexpr uint32_t kSource = 0xC0000201;

PortSet Ports(std::initializer_list<PortId> ports) {
  PortSet set;
  for (const PortId port : ports) set.insert(port);
  return set;
}

std::vector<std::byte> Ipv4(uint32_t group, uint32_t source = kSource) {
  return FrameBuilder(MacAddress::FromNumber(0x01005E000000 | (group & 0x7FFFFF)), kStation)
      .Type(EtherType::kIpv4)
      .U8(0x45)
      .U8(0)
      .U16(20)
      .U32(0)
      .U8(64)
      .U8(17)
      .U16(0)
      .U32(source)
      .U32(group)
      .Pad(60)
      .Build();
}

constexpr std::array<std::byte, 16> V6(uint64_t high, uint64_t low) {
  std::array<std::byte, 16> bytes{};
  StoreBe32(bytes.data(), static_cast<uint32_t>(high >> 32U));
  StoreBe32(bytes.data() + 4, static_cast<uint32_t>(high));
  StoreBe32(bytes.data() + 8, static_cast<uint32_t>(low >> 32U));
  StoreBe32(bytes.data() + 12, static_cast<uint32_t>(low));
  return bytes;
}

constexpr uint64_t kLinkScope = uint64_t{0xFF02} << 48U;
constexpr uint64_t kSolicited = 0x1FF000000;

std::vector<std::byte> Ipv6(uint64_t high, uint64_t low) {
  return FrameBuilder(MacAddress::FromNumber(0x333300000000 | (low & 0xFFFFFFFF)), kStation)
      .Type(EtherType::kIpv6)
      .U32(0x60000000)
      .U16(0)
      .U8(59)
      .U8(255)
      .Bytes(V6(uint64_t{0x20010DB8} << 32U, 1))
      .Bytes(V6(high, low))
      .Build();
}

class GroupDecisionTest : public ::testing::Test {
 protected:
  GroupDecisionTest() {
    groups_.SetOn(true);
    SnoopedVlan& vlan = groups_.Snoop(kNoVlan);
    vlan.v4 = {.is_active = true, .routers = PortSet::Of(kRouter)};
    vlan.v6 = {.is_active = true, .routers = PortSet::Of(kRouter)};
  }

  void Join(IpAddress group, PortId port) {
    groups_.Edit({kNoVlan, GroupAddress::Of(group)}, port, MulticastTable::Author::kReport,
                 [](GroupMember& member, MulticastTable::Budget&) {
                   member.has_star = true;
                   member.mode = FilterMode::kExclude;
                 });
  }
  static IpAddress Solicited(uint64_t low) {
    return IpAddress::FromV6(V6(kLinkScope, kSolicited | low));
  }

  PortSet Send(const std::vector<std::byte>& frame) {
    const auto header = *ParseHeader(frame);
    const Decision decision = Decide(view_, stations_, kSender, view_.Classify(kSender, header),
                                     header, Tick{1}, {&groups_, frame});
    reason_ = decision.reason;
    return decision.flood;
  }

  MulticastTable groups_{7};
  MacTable stations_{{.capacity = 64, .ageing = {30000}, .salt = 7}};
  ForwardingView view_{std::vector<PortForwarding>{
      {.id = kSender}, {.id = kMember}, {.id = kOther}, {.id = kRouter}}};
  DropReason reason_{};
};

TEST_F(GroupDecisionTest, FramesGoToMembersAndRouters) {
  Join(IpAddress::FromV4(kGroup), kMember);
  EXPECT_EQ(Send(Ipv4(kGroup)), Ports({kMember, kRouter}));
}

TEST_F(GroupDecisionTest, GroupsAreToldApartByTheirIpAddress) {
  Join(IpAddress::FromV4(kGroup), kMember);
  EXPECT_EQ(Send(Ipv4(kGroup | 0x800000)), Ports({kMember, kOther, kRouter}))
      << "another group of the same MAC address: nobody has asked for it";
}

TEST_F(GroupDecisionTest, UnregisteredGroupsAreFloodedOrGoToRouters) {
  EXPECT_EQ(Send(Ipv4(kGroup)), Ports({kMember, kOther, kRouter}));
  groups_.set_floods_unregistered(false);
  EXPECT_EQ(Send(Ipv4(kGroup)), Ports({kRouter}));
}

TEST_F(GroupDecisionTest, GroupThatWasLeftGoesToRoutersAlone) {
  Join(IpAddress::FromV4(kGroup), kMember);
  const GroupKey key{kNoVlan, GroupAddress::Of(IpAddress::FromV4(kGroup))};
  groups_.KeepKnown(key, Tick{9000});
  groups_.Erase(key, kMember);
  EXPECT_EQ(Send(Ipv4(kGroup)), Ports({kRouter}));
  groups_.Snoop(kNoVlan).v4.routers = {};
  EXPECT_TRUE(Send(Ipv4(kGroup)).empty());
  EXPECT_EQ(reason_, DropReason::kNoListener);
}

TEST_F(GroupDecisionTest, EverythingIsFloodedWhileNobodyAsksHosts) {
  Join(IpAddress::FromV4(kGroup), kMember);
  groups_.Snoop(kNoVlan).v4.is_active = false;
  EXPECT_EQ(Send(Ipv4(kGroup)), Ports({kMember, kOther, kRouter}));
}

TEST_F(GroupDecisionTest, LocalGroupsAreNeverWithheld) {
  Join(IpAddress::FromV4(0xE00000FB), kMember);
  EXPECT_EQ(Send(Ipv4(0xE00000FB)), Ports({kMember, kOther, kRouter}));
  EXPECT_EQ(Send(Ipv6(kLinkScope, 1)), Ports({kMember, kOther, kRouter}));
}

TEST_F(GroupDecisionTest, LinkScopeIsWithheldOnlyFromMembersThatRefuseTheSource) {
  const IpAddress group = IpAddress::FromV6(V6(kLinkScope, 0xCC));
  EXPECT_EQ(Send(Ipv6(kLinkScope, 0xCC)), Ports({kMember, kOther, kRouter}));
  groups_.Edit({kNoVlan, GroupAddress::Of(group)}, kMember, MulticastTable::Author::kReport,
               [](GroupMember& member, MulticastTable::Budget&) {
                 member.has_star = true;
                 member.sources.push_back({.address = IpAddress::FromV6(V6(1, 1))});
               });
  EXPECT_EQ(Send(Ipv6(kLinkScope, 0xCC)), Ports({kOther, kRouter}));
}

TEST_F(GroupDecisionTest, NeighbourDiscoveryReachesPortsThatHaveNotProvedToAnswerMld) {
  Join(Solicited(1), kMember);
  EXPECT_EQ(Send(Ipv6(kLinkScope, kSolicited | 1)), Ports({kMember, kOther, kRouter}));
  groups_.SetProven(kMember, StationsStamp(stations_, kMember));
  groups_.SetProven(kOther, StationsStamp(stations_, kOther));
  EXPECT_EQ(Send(Ipv6(kLinkScope, kSolicited | 1)), Ports({kMember, kRouter}));
  EXPECT_EQ(Send(Ipv6(kLinkScope, kSolicited | 2)), Ports({kRouter}));
}

TEST_F(GroupDecisionTest, ProofEndsWhenAnotherStationComesUp) {
  groups_.SetProven(kOther, StationsStamp(stations_, kOther));
  groups_.SetProven(kMember, StationsStamp(stations_, kMember));
  static_cast<void>(
      stations_.Learn(kNoVlan, MacAddress::FromNumber(0x020000000077), kOther, Tick{1}));
  EXPECT_EQ(Send(Ipv6(kLinkScope, kSolicited | 2)), Ports({kOther, kRouter}));
}

TEST_F(GroupDecisionTest, OtherProtocolsAreFloodedUnlessTheirAddressHasAnEntry) {
  const MacAddress group = MacAddress::FromNumber(0x010203040506);
  const auto frame = FrameBuilder(group, kStation).Type(EtherType{0x88CC}).Pad(60).Build();
  EXPECT_EQ(Send(frame), Ports({kMember, kOther, kRouter}));
  groups_.Edit({kNoVlan, GroupAddress::Of(group)}, kMember, MulticastTable::Author::kUser,
               [](GroupMember& member, MulticastTable::Budget&) {
                 member.has_star = true;
                 member.mode = FilterMode::kExclude;
                 member.permanent = true;
               });
  EXPECT_EQ(Send(frame), Ports({kMember}));
}

TEST_F(GroupDecisionTest, ClusterAddressesAreFlooded) {
  // A unicast IP address behind a group MAC address, as load balancers have it.
  EXPECT_EQ(Send(Ipv4(0xC0000232)), Ports({kMember, kOther, kRouter}));
}

TEST_F(GroupDecisionTest, WhatIsBehindATagThatIsPayloadIsFlooded) {
  Join(IpAddress::FromV4(kGroup), kMember);
  const auto untagged = Ipv4(kGroup);
  auto frame = FrameBuilder(MacAddress::FromNumber(0x01005E010101), kStation)
                   .Tag(EtherType::kVlan, 5)
                   .Type(EtherType::kIpv4)
                   .Bytes(std::span(untagged).subspan(kEthernetHeaderSize))
                   .Build();
  EXPECT_EQ(Send(frame), Ports({kMember, kOther, kRouter}));
}

TEST_F(GroupDecisionTest, NothingChangesWhileSnoopingIsOff) {
  Join(IpAddress::FromV4(kGroup), kMember);
  groups_.SetOn(false);
  EXPECT_EQ(Send(Ipv4(kGroup)), Ports({kMember, kOther, kRouter}));
}

}  // namespace
}  // namespace tapswitch::group_decision_test
