// What the bridge shows to protocols, and what becomes of it: by a protocol of the test's own.

#include "switch/forwarding/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "tests/support/frame_builder.h"
#include "tests/support/test_frames.h"

namespace tapswitch::protocol_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr PortId kA{0};
constexpr PortId kB{1};
constexpr PortId kC{2};
constexpr MacAddress kStation = MacAddress::FromNumber(0x020000000001);
constexpr MacAddress kBridgeGroup = MacAddress::FromNumber(0x0180C2000000);
constexpr uint16_t kType = 0x88B6;

class FakeProtocol final : public Protocol {
 public:
  [[nodiscard]] ProtocolInterests interests() const override { return wants; }
  ProtocolVerdict See(const ParsedFrame& frame, ProtocolContext& /*context*/) override {
    seen.push_back(frame.ingress);
    return says;
  }
  [[nodiscard]] std::optional<Tick> next_deadline() const override { return deadline; }
  void OnPorts(const ForwardingView& view) override { forwarding = view.gates().forwarding(); }
  void OnLinkSpeed(PortId port, uint32_t speed) override { speeds[port.value] = speed; }

  ProtocolInterests wants;
  ProtocolVerdict says;
  std::optional<Tick> deadline;
  std::vector<PortId> seen;
  PortSet forwarding;
  std::map<uint16_t, uint32_t> speeds;
};

class ProtocolTest : public ::testing::Test {
 protected:
  ProtocolTest() {
    for (const PortId port : {kA, kB, kC}) egress_.AddPort(port);
    bridge_.protocols().Add(protocol_);
    bridge_.protocols().Add(other_);
    SetView();
  }
  void TearDown() override {
    bridge_.protocols().Remove(other_);
    bridge_.protocols().Remove(protocol_);
  }

  void SetView() { bridge_.SetView(ForwardingView(ports_, forwarding_)); }

  void Want(const ProtocolInterests& interests) {
    protocol_.wants = interests;
    bridge_.TellProtocols();
  }
  void WantType(uint16_t type, bool is_guarded = false) {
    Want({.types = {{.ether_type = type, .ip_protocol = {}}}, .is_guarded = is_guarded});
  }

  // The ports that a frame leaves by.
  std::vector<uint16_t> Send(PortId ingress, std::span<const std::byte> bytes) {
    const Frame frame = frames_.Plain(ingress, bytes);
    egress_.Clear();
    bridge_.Process({&frame, 1}, Tick{1000}, egress_);
    std::vector<uint16_t> ports;
    egress_.used().ForEach([&](PortId port) { ports.push_back(port.value); });
    return ports;
  }
  std::vector<uint16_t> SendType(PortId ingress, uint16_t type) {
    return Send(ingress, Builder(type).Build());
  }
  static FrameBuilder Builder(uint16_t type) {
    return FrameBuilder(kBroadcastAddress, kStation).Type(static_cast<EtherType>(type)).Pad(60);
  }
  std::vector<uint16_t> SendReserved(PortId ingress) {
    return Send(ingress,
                FrameBuilder(kBridgeGroup, kStation).Type(EtherType::kIpv4).Pad(60).Build());
  }

  TestFrames frames_;
  EgressLists egress_;
  std::vector<PortForwarding> ports_{{.id = kA}, {.id = kB}, {.id = kC}};
  BridgeForwarding forwarding_;
  Bridge bridge_{{.capacity = 64, .ageing = {30000}, .salt = 7}};
  FakeProtocol protocol_;
  FakeProtocol other_;
};

TEST_F(ProtocolTest, SeesFramesOfATypeItWantsAndNoOthers) {
  WantType(kType);
  SendType(kA, kType);
  SendType(kB, 0x0800);
  EXPECT_THAT(protocol_.seen, ElementsAre(kA));
  EXPECT_THAT(other_.seen, IsEmpty());
}

TEST_F(ProtocolTest, EachIsToldOfTheSpeedOfALink) {
  bridge_.protocols().OnLinkSpeed(kB, 10000);
  EXPECT_THAT(protocol_.speeds, ElementsAre(Pair(kB.value, 10000U)));
  EXPECT_THAT(other_.speeds, ElementsAre(Pair(kB.value, 10000U)));
}

TEST_F(ProtocolTest, SeesNothingOnceItWantsNothing) {
  WantType(kType);
  Want({});
  SendType(kA, kType);
  EXPECT_THAT(protocol_.seen, IsEmpty());
}

TEST_F(ProtocolTest, SeesAnIpProtocolThatItWants) {
  constexpr uint8_t kIgmp = 2;
  Want({.types = {{.ether_type = 0x0800, .ip_protocol = kIgmp}}});
  std::vector<std::byte> packet = Builder(0x0800).Build();
  packet[kEthernetHeaderSize + 9] = std::byte{17};
  Send(kA, packet);
  EXPECT_THAT(protocol_.seen, IsEmpty());
  packet[kEthernetHeaderSize + 9] = std::byte{kIgmp};
  Send(kA, packet);
  EXPECT_THAT(protocol_.seen, ElementsAre(kA));
}

TEST_F(ProtocolTest, DoesNotSeeWhatATagThatIsPayloadHides) {
  WantType(kType);
  Send(kA, FrameBuilder(kBroadcastAddress, kStation)
               .Tag(EtherType::kVlan, 5)
               .Type(static_cast<EtherType>(kType))
               .Pad(60)
               .Build());
  EXPECT_THAT(protocol_.seen, IsEmpty()) << "VLANs are not filtered";
}

TEST_F(ProtocolTest, AConsumedFrameGoesNoFurtherAndTeachesNothing) {
  WantType(kType);
  protocol_.says = ProtocolVerdict::Consume(DropReason::kLoopProbe);
  EXPECT_THAT(SendType(kA, kType), IsEmpty());
  EXPECT_EQ(bridge_.counters(kA).dropped(DropReason::kLoopProbe), 1U);
  EXPECT_EQ(bridge_.table().size(), 0U);
}

TEST_F(ProtocolTest, ARestrictedFloodLeavesPortsOut) {
  WantType(kType);
  protocol_.says = ProtocolVerdict::Restrict(PortSet::Of(kB), DropReason::kNoEgress);
  EXPECT_THAT(SendType(kA, kType), ElementsAre(2));
  EXPECT_THAT(SendType(kA, 0x0800), ElementsAre(1, 2)) << "of that frame only";
}

TEST_F(ProtocolTest, RestrictionsOfSeveralAddUp) {
  WantType(kType);
  other_.wants = {.types = {{.ether_type = kType, .ip_protocol = {}}}, .is_guarded = true};
  bridge_.TellProtocols();
  protocol_.says = ProtocolVerdict::Restrict(PortSet::Of(kB), DropReason::kNoEgress);
  other_.says = ProtocolVerdict::Restrict(PortSet::Of(kC), DropReason::kNeighbourAnswered);
  EXPECT_THAT(SendType(kA, kType), IsEmpty());
  EXPECT_EQ(bridge_.counters(kA).dropped(DropReason::kNeighbourAnswered), 1U)
      << "the reason of the last";
}

TEST_F(ProtocolTest, SeesReservedFramesBeforeTheyAreDropped) {
  Want({.reserved = 1});
  SendReserved(kA);
  EXPECT_THAT(protocol_.seen, ElementsAre(kA));
  EXPECT_EQ(bridge_.counters(kA).dropped(DropReason::kReservedAddress), 1U) << "not consumed";
  protocol_.says = ProtocolVerdict::Consume(DropReason::kLoopProbe);
  SendReserved(kA);
  EXPECT_EQ(bridge_.counters(kA).dropped(DropReason::kLoopProbe), 1U);
}

TEST_F(ProtocolTest, SeesOnlyTheReservedAddressesItWants) {
  Want({.reserved = 1U << 3U});
  SendReserved(kA);
  EXPECT_THAT(protocol_.seen, IsEmpty());
}

TEST_F(ProtocolTest, TakesReservedFramesThatWouldBeForwarded) {
  forwarding_.group_fwd_mask = 1;
  SetView();
  EXPECT_THAT(SendReserved(kA), ElementsAre(1, 2));
  Want({.reserved = 1});
  protocol_.says = ProtocolVerdict::Consume(DropReason::kReservedAddress);
  EXPECT_THAT(SendReserved(kA), IsEmpty());
}

TEST_F(ProtocolTest, SeesReservedFramesOnPortsThatAreBlocked) {
  Want({.reserved = 1});
  ports_[0].state = PortState::kBlocking;
  ports_[1].state = PortState::kDisabled;
  SetView();
  SendReserved(kA);
  SendReserved(kB);
  EXPECT_THAT(protocol_.seen, ElementsAre(kA)) << "but not on those that are disabled";
}

TEST_F(ProtocolTest, SeesOtherFramesOnlyInStatesThatLetFramesIn) {
  WantType(kType);
  bridge_.SetGate(kA, {.state = PortState::kBlocking});
  SendType(kA, kType);
  EXPECT_THAT(protocol_.seen, IsEmpty());
  bridge_.SetGate(kA, {.state = PortState::kLearning});
  SendType(kA, kType);
  EXPECT_THAT(protocol_.seen, ElementsAre(kA));
}

TEST_F(ProtocolTest, AGuardedOneSeesOnlyWhatGuardsLetIn) {
  ports_[0].locked = true;
  SetView();
  WantType(kType, true);
  SendType(kA, kType);
  EXPECT_THAT(protocol_.seen, IsEmpty());
  WantType(kType, false);
  SendType(kA, kType);
  EXPECT_THAT(protocol_.seen, ElementsAre(kA)) << "one that is not comes before the guards";
}

TEST_F(ProtocolTest, IsToldOfPorts) {
  EXPECT_TRUE(protocol_.forwarding.contains(kA));
  bridge_.SetGate(kA, {.state = PortState::kBlocking});
  bridge_.TellProtocols();
  EXPECT_FALSE(protocol_.forwarding.contains(kA));
  EXPECT_TRUE(protocol_.forwarding.contains(kB));
}

TEST_F(ProtocolTest, TheEarliestDeadlineCounts) {
  EXPECT_EQ(bridge_.protocols().next_deadline(), std::nullopt);
  protocol_.deadline = Tick{500};
  other_.deadline = Tick{400};
  EXPECT_EQ(bridge_.protocols().next_deadline(), Tick{400});
}

}  // namespace
}  // namespace tapswitch::protocol_test
