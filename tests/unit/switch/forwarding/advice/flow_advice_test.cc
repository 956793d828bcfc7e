// Which conversations the kernel may carry, how, and why others stay in the switch.

#include "switch/forwarding/advice/flow_advice.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "tests/support/mac_stations.h"

namespace tapswitch::flow_advice_test {
namespace {

constexpr PortId kA{0};
constexpr PortId kB{1};
constexpr PortId kTap{2};
constexpr Tick kNow{1000};
constexpr VlanId kTen{10};
constexpr MacAddress kAtA = Station(1);
constexpr MacAddress kAtB = Station(2);

class FlowAdviceTest : public ::testing::Test {
 protected:
  FlowAdviceTest() {
    carrying_.from = PortSet::Of(kA) | PortSet::Of(kB);
    carrying_.to = carrying_.from;
    Configure();
    Know(kNoVlan);
  }

  void Configure() { bridge_.SetView(ForwardingView(ports_, settings_, observers_)); }
  void Know(VlanId vlan) {
    bridge_.table().Learn(vlan, kAtA, kA, kNow);
    bridge_.table().Learn(vlan, kAtB, kB, kNow);
  }
  // A is an access port of VLAN 10, B a trunk.
  void FilterVlans() {
    settings_.vlan_filtering = true;
    ports_[0].vlans = {.members = {}, .untagged = {}, .pvid = kTen, .exceptions = {}};
    ports_[0].vlans.members.insert(kTen);
    ports_[0].vlans.untagged.insert(kTen);
    ports_[1].vlans.members.insert(kTen);
    Configure();
    Know(kTen);
  }

  [[nodiscard]] FlowAdvice Advise(PortId ingress = kA, MacAddress source = kAtA,
                                  MacAddress destination = kAtB,
                                  std::optional<VlanTag> tag = std::nullopt) const {
    const EthernetHeader header{
        .destination = destination, .source = source, .tag = tag, .type_or_length = 0x1234};
    return AdviseFlow(bridge_.view(), bridge_.table(), bridge_.protocols(), carrying_, ingress,
                      header, kNow);
  }
  // "" when there is none.
  [[nodiscard]] static std::string Obstacle(const FlowAdvice& advice) {
    if (!advice.obstacle) return "";
    return std::string(kFlowObstacles[static_cast<size_t>(*advice.obstacle)].name);
  }

  std::vector<PortForwarding> ports_{{.id = kA}, {.id = kB}, {.id = kTap}};
  BridgeForwarding settings_;
  Observers observers_;
  FlowPorts carrying_;
  Bridge bridge_{{.capacity = 16, .ageing = {300}, .salt = 7}};
};

TEST_F(FlowAdviceTest, KnownUnicastBetweenPortsThatTheKernelKnowsIsCarried) {
  const FlowAdvice advice = Advise();
  EXPECT_EQ(Obstacle(advice), "");
  EXPECT_EQ(advice.egress, kB);
  EXPECT_EQ(advice.edit, TagEdit::kKeep);
  EXPECT_EQ(advice.until, kNow + Ticks{300});
}

TEST_F(FlowAdviceTest, APortThatTheKernelDoesNotKnowIsAnObstacleAtEitherEnd) {
  bridge_.table().Learn(kNoVlan, Station(3), kTap, kNow);
  EXPECT_EQ(Obstacle(Advise(kTap, Station(3))), "ingress");
  EXPECT_EQ(Obstacle(Advise(kA, kAtA, Station(3))), "egress");
}

TEST_F(FlowAdviceTest, APortThatWasTakenOverIsSaidToBe) {
  carrying_.from.erase(kA);
  carrying_.taken_over.insert(kA);
  EXPECT_EQ(Obstacle(Advise()), "taken_over");
  EXPECT_EQ(Obstacle(Advise(kB, kAtB, kAtA)), "") << "it is carried to";
}

TEST_F(FlowAdviceTest, APortMayBeTurnedOffAtEitherEnd) {
  for (PortForwarding* const port : {&ports_[0], &ports_[1]}) {
    port->kernel_forwarding = false;
    Configure();
    EXPECT_EQ(Obstacle(Advise()), "turned_off");
    port->kernel_forwarding = true;
  }
  Configure();
  EXPECT_EQ(Obstacle(Advise()), "");
}

TEST_F(FlowAdviceTest, WhatEachFrameIsNeededForStaysInTheSwitch) {
  const auto cache = [&](const FlowAdvice& advice) {
    return advice.cache_obstacle
               ? std::string(kCacheObstacles[static_cast<size_t>(*advice.cache_obstacle)].name)
               : Obstacle(advice);
  };
  EXPECT_EQ(cache(Advise(kA, kAtA, Station(9))), "unknown_destination");
  EXPECT_EQ(cache(Advise(kA, kAtA, kBroadcastAddress)), "broadcast");
  EXPECT_EQ(cache(Advise(kA, Station(9))), "unknown_source");
  EXPECT_EQ(cache(Advise(kA, kBroadcastAddress)), "dropped");
  observers_.capturing = true;
  Configure();
  EXPECT_EQ(cache(Advise()), "observed");
  observers_ = {.mirrors = {{.vlans = {}, .ingress = false, .destination = kTap}},
                .capturing = false};
  observers_.mirrors[0].ports.insert(kB);
  Configure();
  EXPECT_EQ(cache(Advise()), "observed") << "what leaves by B is mirrored";
  observers_ = {};
  ports_[0].locked = true;
  Configure();
  EXPECT_EQ(cache(Advise()), "screened");
}

TEST_F(FlowAdviceTest, TagsAreEditedAsTheSwitchWould) {
  FilterVlans();
  const FlowAdvice pushed = Advise();
  EXPECT_EQ(Obstacle(pushed), "");
  EXPECT_EQ(pushed.vlan, kTen);
  EXPECT_EQ(pushed.edit, TagEdit::kPush);
  EXPECT_EQ(pushed.tag, (VlanTag{.protocol = EtherType::kVlan, .control = 10}));
  const FlowAdvice popped =
      Advise(kB, kAtB, kAtA, VlanTag{.protocol = EtherType::kVlan, .control = 0x600A});
  EXPECT_EQ(Obstacle(popped), "");
  EXPECT_EQ(popped.edit, TagEdit::kPop);
}

TEST_F(FlowAdviceTest, PriorityTagsAndTagsThatArePayloadStayInTheSwitch) {
  FilterVlans();
  EXPECT_EQ(
      Obstacle(Advise(kA, kAtA, kAtB, VlanTag{.protocol = EtherType::kVlan, .control = 0xE000})),
      "tag");
  EXPECT_EQ(
      Obstacle(Advise(kA, kAtA, kAtB, VlanTag{.protocol = EtherType::kServiceVlan, .control = 5})),
      "tag");
}

TEST_F(FlowAdviceTest, ABridgeThatDoesNotFilterVlansLeavesAnyTagAlone) {
  for (const EtherType type : {EtherType::kVlan, EtherType::kServiceVlan}) {
    const FlowAdvice advice = Advise(kA, kAtA, kAtB, VlanTag{.protocol = type, .control = 0});
    EXPECT_EQ(Obstacle(advice), "");
    EXPECT_EQ(advice.edit, TagEdit::kKeep);
  }
}

TEST_F(FlowAdviceTest, WhereAddressesAgeTooFastNothingIsCarried) {
  bridge_.table().set_ageing(Ticks{99});
  EXPECT_EQ(Obstacle(Advise()), "ageing");
}

TEST_F(FlowAdviceTest, AFrameMayReturnToItsPortWhereThatIsAllowed) {
  bridge_.table().Learn(kNoVlan, kAtB, kA, kNow);
  EXPECT_EQ(Obstacle(Advise()), "decision");
  ports_[0].hairpin = true;
  Configure();
  EXPECT_EQ(Obstacle(Advise()), "");
  EXPECT_EQ(Advise().egress, kA);
}

}  // namespace
}  // namespace tapswitch::flow_advice_test
