// (configuration, frame) -> who gets it and with which bytes, for the ways in which ports are
// members of VLANs: IEEE 802.1Q, 8.6 and 8.8.10, and what the Linux bridge makes of them.

#include <gtest/gtest.h>

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "switch/forwarding/egress/egress_builder.h"
#include "tests/support/frame_builder.h"
#include "tests/support/test_frames.h"

namespace tapswitch::vlan_modes_test {
namespace {

using Bytes = std::vector<std::byte>;

constexpr MacAddress kTo = MacAddress::FromNumber(0x02AA00000002);
constexpr MacAddress kFrom = MacAddress::FromNumber(0x02AA00000001);
constexpr EtherType kQ = EtherType::kVlan;
constexpr EtherType kAd = EtherType::kServiceVlan;

// A member of `tagged` and of `untagged`.
PortVlans Vlans(const std::vector<uint16_t>& untagged, const std::vector<uint16_t>& tagged,
                uint16_t pvid) {
  PortVlans vlans{.pvid = {pvid}};
  for (const uint16_t vlan : untagged) vlans.untagged.insert({vlan});
  vlans.members = vlans.untagged;
  for (const uint16_t vlan : tagged) vlans.members.insert({vlan});
  return vlans;
}
PortVlans Access(uint16_t vlan) { return Vlans({vlan}, {}, vlan); }
PortVlans Trunk(const std::vector<uint16_t>& vlans) { return Vlans({}, vlans, 0); }

// The tags of a frame, outermost first, as TPID and TCI.
using Tags = std::vector<VlanTag>;

Bytes FrameWith(const Tags& tags) {
  FrameBuilder frame(kTo, kFrom);
  for (const VlanTag tag : tags) frame.Tag(tag.protocol, tag.control);
  return frame.Type(EtherType{0x88B5}).Text("payload").Pad(64).Build();
}

struct Case {
  std::string name;
  EtherType protocol = kQ;
  std::vector<PortVlans> ports;  // the frame comes in by the first
  Tags sent;
  std::map<uint16_t, Tags> received;  // by port
  std::optional<DropReason> dropped = std::nullopt;

  friend void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases{
      {.name = "access_to_access",
       .ports = {Access(10), Access(10), Access(20)},
       .sent = {},
       .received = {{1, {}}}},
      {.name = "access_to_trunk",
       .ports = {Access(10), Trunk({10, 20}), Trunk({20})},
       .sent = {},
       .received = {{1, {{kQ, 10}}}}},
      {.name = "trunk_to_access",
       .ports = {Trunk({10, 20}), Access(10), Access(20)},
       .sent = {{kQ, 0x600A}},
       .received = {{1, {}}}},
      {.name = "trunk_to_trunk_keeps_pcp_and_dei",
       .ports = {Trunk({10}), Trunk({10})},
       .sent = {{kQ, 0x700A}},
       .received = {{1, {{kQ, 0x700A}}}}},
      {.name = "untagged_on_a_trunk_without_pvid",
       .ports = {Trunk({10}), Trunk({10})},
       .sent = {},
       .received = {},
       .dropped = DropReason::kNoPvid},
      {.name = "native_untagged",
       .ports = {Vlans({1}, {10}, 1), Vlans({1}, {10}, 1), Access(10)},
       .sent = {},
       .received = {{1, {}}}},
      {.name = "native_tagged",
       .ports = {Vlans({}, {1, 10}, 1), Vlans({}, {1, 10}, 1), Access(1)},
       .sent = {},
       .received = {{1, {{kQ, 1}}}, {2, {}}}},
      {.name = "tagged_with_the_native_vlan",
       .ports = {Vlans({1}, {10}, 1), Vlans({1}, {10}, 1)},
       .sent = {{kQ, 0x2001}},
       .received = {{1, {}}}},
      {.name = "tagged_on_an_access_port_with_its_vlan",
       .ports = {Access(10), Access(10)},
       .sent = {{kQ, 10}},
       .received = {{1, {}}}},
      {.name = "tagged_on_an_access_port_with_another_vlan",
       .ports = {Access(10), Access(20)},
       .sent = {{kQ, 20}},
       .received = {},
       .dropped = DropReason::kNotMember},
      {.name = "priority_tag_takes_the_pvid_and_keeps_pcp_and_dei",
       .ports = {Access(10), Trunk({10}), Access(10)},
       .sent = {{kQ, 0xF000}},
       .received = {{1, {{kQ, 0xF00A}}}, {2, {}}}},
      {.name = "priority_tag_without_a_pvid",
       .ports = {Trunk({10}), Trunk({10})},
       .sent = {{kQ, 0xE000}},
       .received = {},
       .dropped = DropReason::kNoPvid},
      {.name = "vid_4095",
       .ports = {Access(10), Trunk({10})},
       .sent = {{kQ, 0x0FFF}},
       .received = {},
       .dropped = DropReason::kReservedVid},
      {.name = "several_untagged_vlans",
       .ports = {Vlans({10, 20}, {}, 10), Access(20), Access(10)},
       .sent = {{kQ, 20}},
       .received = {{1, {}}}},
      {.name = "asymmetric_untagged_out_of_two_vlans",
       .ports = {Vlans({10, 30}, {}, 30), Vlans({20, 30}, {}, 20), Vlans({10, 20, 30}, {}, 30)},
       .sent = {},
       .received = {{1, {}}, {2, {}}}},
      {.name = "an_inner_tag_survives",
       .ports = {Trunk({10}), Access(10), Trunk({10})},
       .sent = {{kQ, 10}, {kQ, 99}},
       .received = {{1, {{kQ, 99}}}, {2, {{kQ, 10}, {kQ, 99}}}}},
      {.name = "the_other_protocol_is_payload",
       .ports = {Access(10), Trunk({10}), Access(10)},
       .sent = {{kAd, 3}, {kQ, 5}},
       .received = {{1, {{kQ, 10}, {kAd, 3}, {kQ, 5}}}, {2, {{kAd, 3}, {kQ, 5}}}}},
      {.name = "the_other_protocol_without_a_pvid",
       .ports = {Trunk({3, 5}), Trunk({3, 5})},
       .sent = {{kAd, 3}, {kQ, 5}},
       .received = {},
       .dropped = DropReason::kNoPvid},
      {.name = "a_tunnel_pushes_the_service_tag",
       .protocol = kAd,
       .ports = {Access(100), Trunk({100}), Access(100)},
       .sent = {{kQ, 0x6005}},
       .received = {{1, {{kAd, 100}, {kQ, 0x6005}}}, {2, {{kQ, 0x6005}}}}},
      {.name = "a_tunnel_pops_the_service_tag",
       .protocol = kAd,
       .ports = {Trunk({100, 200}), Access(100), Access(200)},
       .sent = {{kAd, 100}, {kQ, 5}},
       .received = {{1, {{kQ, 5}}}}},
      {.name = "an_untagged_customer_of_a_tunnel",
       .protocol = kAd,
       .ports = {Access(100), Trunk({100})},
       .sent = {},
       .received = {{1, {{kAd, 100}}}}},
  };
  return cases;
}

class VlanFramesTest : public testing::Test {
 protected:
  // Of each port that the frame leaves by, the bytes.
  std::map<uint16_t, Bytes> Pass(const std::vector<PortVlans>& vlans, EtherType protocol,
                                 const Bytes& bytes) {
    std::vector<PortForwarding> ports;
    for (const PortVlans& of_port : vlans) {
      const PortId id{static_cast<uint16_t>(ports.size())};
      ports.push_back({.id = id, .vlans = of_port});
      egress_.AddPort(id);
    }
    bridge_.SetView(ForwardingView(ports, {.vlan_filtering = true, .vlan_protocol = protocol}));
    const std::vector batch{frames_.Plain({0}, bytes)};
    bridge_.Process(batch, Tick{1}, egress_);
    EgressBuilder builder;
    builder.Begin(batch);
    std::map<uint16_t, Bytes> received;
    egress_.used().ForEach([&](PortId port) {
      EXPECT_EQ(builder.Append(egress_.of(port)[0], {}), EgressBuilder::Result::kAppended);
      const Bytes wire = Gather(builder.frames()[0]);
      received[port.value] = Bytes(wire.begin() + kVirtioNetHeaderSize, wire.end());
      builder.ClearFrames();
    });
    return received;
  }

  TestFrames frames_;
  EgressLists egress_;
  Bridge bridge_{{.capacity = 64, .ageing = {30000}, .salt = 7}};
};

class VlanModesTest : public VlanFramesTest, public testing::WithParamInterface<Case> {};

INSTANTIATE_TEST_SUITE_P(All, VlanModesTest, testing::ValuesIn(Cases()),
                         [](const auto& one) { return one.param.name; });

TEST_P(VlanModesTest, AnUnknownDestinationIsFlooded) {
  const Case& one = GetParam();
  const Bytes sent = FrameWith(one.sent);
  std::map<uint16_t, Bytes> expected;
  for (const auto& [port, tags] : one.received) {
    Bytes bytes = FrameWith(tags);
    // The payload is not padded anew.
    const size_t tag_bytes = kVlanTagSize * one.sent.size();
    bytes.resize(sent.size() - tag_bytes + kVlanTagSize * tags.size());
    expected[port] = bytes;
  }
  EXPECT_EQ(Pass(one.ports, one.protocol, sent), expected);
  const PortCounters& counters = bridge_.counters({0});
  if (one.dropped) {
    EXPECT_EQ(counters.dropped(*one.dropped), 1U);
  } else {
    EXPECT_EQ(counters.forwarded, 1U);
  }
}

// Each VLAN has its own addresses.
TEST_F(VlanFramesTest, LearningIsIndependentPerVlan) {
  const std::vector<PortVlans> ports{Trunk({10, 20}), Access(10), Access(20)};
  Pass(ports, kQ, FrameWith({{kQ, 10}}));
  EXPECT_TRUE(bridge_.table().Find({10}, kFrom, Tick{1}));
  EXPECT_FALSE(bridge_.table().Find({20}, kFrom, Tick{1}));
  EXPECT_FALSE(bridge_.table().Find(kNoVlan, kFrom, Tick{1}));
}

TEST_F(VlanFramesTest, AFrameThatIsNotAdmittedToAVlanTeachesNothing) {
  Pass({Access(10), Access(20)}, kQ, FrameWith({{kQ, 20}}));
  EXPECT_EQ(bridge_.table().size(), 0U);
}

TEST_F(VlanFramesTest, WhatAPortCarriedIsCountedPerVlan) {
  Pass({Trunk({10, 20}), Access(10), Access(10)}, kQ, FrameWith({{kQ, 10}}));
  const size_t size = FrameWith({{kQ, 10}}).size();
  const FrameCounter one{.frames = 1, .bytes = size};
  const VlanCounterTable& counters = bridge_.vlan_counters();
  EXPECT_EQ(counters.Find({10}, {0}), (VlanCounters{.received = one}));
  EXPECT_EQ(counters.Find({10}, {1}), (VlanCounters{.sent = one}));
  EXPECT_EQ(counters.Find({10}, {2}), (VlanCounters{.sent = one}));
  EXPECT_EQ(counters.Find({20}, {0}), VlanCounters{});
  // A port that leaves begins at zero when it comes back.
  egress_.Clear();
  Pass({Trunk({20}), Access(10), Access(10)}, kQ, FrameWith({{kQ, 20}}));
  EXPECT_EQ(counters.Find({10}, {0}), VlanCounters{});
  EXPECT_EQ(counters.Find({10}, {1}), (VlanCounters{.sent = one}));
}

// What a port may do in one VLAN, besides what its own flags say.
TEST_F(VlanFramesTest, AnExceptionRestrictsOneVlan) {
  PortVlans quiet = Trunk({10, 20});
  quiet.exceptions = {{.vlan = {10}, .flood = false}};
  const std::vector<PortVlans> ports{Trunk({10, 20}), quiet, Trunk({10, 20})};
  EXPECT_EQ(Pass(ports, kQ, FrameWith({{kQ, 10}})).size(), 1U);
  egress_.Clear();
  EXPECT_EQ(Pass(ports, kQ, FrameWith({{kQ, 20}})).size(), 2U);
}

TEST_F(VlanFramesTest, AStateInOneVlanHoldsThere) {
  PortVlans blocked = Trunk({10, 20});
  blocked.exceptions = {{.vlan = {10}, .state = PortState::kBlocking}};
  EXPECT_EQ(Pass({blocked, Trunk({10, 20})}, kQ, FrameWith({{kQ, 10}})).size(), 0U);
  EXPECT_EQ(bridge_.counters({0}).dropped(DropReason::kPortState), 1U);
  EXPECT_EQ(bridge_.table().size(), 0U);
  egress_.Clear();
  EXPECT_EQ(Pass({blocked, Trunk({10, 20})}, kQ, FrameWith({{kQ, 20}})).size(), 1U);
}

}  // namespace
}  // namespace tapswitch::vlan_modes_test
