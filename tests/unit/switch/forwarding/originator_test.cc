// What the bridge itself has to say enters at *group*: tags, states, mirrors and counters hold for
// it.

#include "switch/forwarding/originator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "switch/forwarding/bridge.h"
#include "tests/support/frame_builder.h"

namespace tapswitch::originator_test {
namespace {

using Bytes = std::vector<std::byte>;

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr PortId kTagged{0};
constexpr PortId kUntagged{1};
constexpr PortId kNoMember{2};
constexpr PortId kObserver{3};
constexpr VlanId kVlan{10};

class OriginatorTest : public ::testing::Test {
 protected:
  OriginatorTest() {
    ports_[0].vlans.members.insert(kVlan);
    ports_[1].vlans.members.insert(kVlan);
    ports_[1].vlans.untagged.insert(kVlan);
    SetView();
  }

  void SetView() {
    ForwardingView view(ports_, {.vlan_filtering = true}, observers_);
    VlanCounterChange change = counters_.Plan(view_, view);
    counters_.Apply(change);
    view_ = std::move(view);
  }

  Originator originator() { return {view_, counters_, frames_}; }

  struct Sent {
    uint16_t port;
    Bytes bytes;
    bool operator==(const Sent&) const = default;
  };
  [[nodiscard]] std::vector<Sent> TakeSent() {
    std::vector<Sent> sent;
    for (const OriginatedFrames::Copy& copy : frames_.copies()) {
      sent.push_back({copy.egress.value,
                      {copy.wire.data + kVirtioNetHeaderSize, copy.wire.data + copy.wire.size}});
    }
    frames_.Clear();
    return sent;
  }
  [[nodiscard]] std::vector<uint16_t> TakePorts() {
    std::vector<uint16_t> ports;
    for (const Sent& sent : TakeSent()) ports.push_back(sent.port);
    return ports;
  }

  const Bytes frame_ = FrameBuilder(kBroadcastAddress, MacAddress::FromNumber(0x020000000009))
                           .Type(EtherType::kArp)
                           .Pad(60)
                           .Build();
  const Bytes tagged_ = FrameBuilder(kBroadcastAddress, MacAddress::FromNumber(0x020000000009))
                            .Tag(EtherType::kVlan, 0x600A)
                            .Type(EtherType::kArp)
                            .Pad(64)
                            .Build();
  std::vector<PortForwarding> ports_{
      {.id = kTagged}, {.id = kUntagged}, {.id = kNoMember}, {.id = kObserver}};
  Observers observers_;
  ForwardingView view_;
  VlanCounterTable counters_;
  OriginatedFrames frames_;
};

TEST_F(OriginatorTest, AFrameLeavesTaggedWhereItsVlanIs) {
  const PortSet sent = originator().Send(kVlan, frame_, PortSet::All(), 0x6000);
  EXPECT_EQ(sent, PortSet::Of(kTagged) | PortSet::Of(kUntagged));
  EXPECT_THAT(TakeSent(), ElementsAre(Sent{1, frame_}, Sent{0, tagged_}));
}

TEST_F(OriginatorTest, AFrameLeavesByThePortsThatAreAskedFor) {
  EXPECT_EQ(originator().Send(kVlan, frame_, PortSet::Of(kTagged)), PortSet::Of(kTagged));
  EXPECT_THAT(TakePorts(), ElementsAre(0));
}

TEST_F(OriginatorTest, AFrameDoesNotLeaveByAPortThatDoesNotForward) {
  view_.SetGate(kTagged, {.state = PortState::kLearning});
  EXPECT_EQ(originator().Send(kVlan, frame_, PortSet::All()), PortSet::Of(kUntagged));
}

TEST_F(OriginatorTest, IsCountedAsWhatThePortSentInTheVlan) {
  static_cast<void>(originator().Send(kVlan, frame_, PortSet::All()));
  EXPECT_EQ(counters_.Find(kVlan, kTagged).sent, (FrameCounter{.frames = 1, .bytes = 60}));
  EXPECT_EQ(counters_.Find(kVlan, kUntagged).sent, (FrameCounter{.frames = 1, .bytes = 60}));
}

TEST_F(OriginatorTest, AnObserverGetsACopyAsItLeaves) {
  observers_.mirrors = {{.ports = PortSet::Of(kTagged), .destination = kObserver}};
  SetView();
  static_cast<void>(originator().Send(kVlan, frame_, PortSet::Of(kTagged), 0x6000));
  EXPECT_THAT(TakeSent(), ElementsAre(Sent{0, tagged_}, Sent{3, tagged_}));
}

TEST_F(OriginatorTest, AFrameOfALinkLeavesAsItIsInAnyState) {
  view_.SetGate(kTagged, {.state = PortState::kBlocking});
  EXPECT_TRUE(originator().SendOnLink(kTagged, frame_));
  EXPECT_TRUE(originator().SendOnLink(kNoMember, frame_));
  EXPECT_THAT(TakeSent(), ElementsAre(Sent{0, frame_}, Sent{2, frame_}));
  EXPECT_EQ(counters_.Find(kVlan, kTagged).sent, FrameCounter{}) << "it is of no VLAN";
}

TEST_F(OriginatorTest, WithoutRoomForAPortTheFrameDoesNotLeaveByIt) {
  while (frames_.room() > 1) frames_.Append(kNoMember, {});
  EXPECT_EQ(originator().Send(kVlan, frame_, PortSet::All()), PortSet::Of(kUntagged));
  EXPECT_EQ(counters_.Find(kVlan, kTagged).sent, FrameCounter{});
  EXPECT_FALSE(originator().SendOnLink(kTagged, frame_));
}

TEST_F(OriginatorTest, WithoutRoomForTheBytesNothingLeaves) {
  const Bytes large(OriginatedFrames::kMaxFrameSize);
  while (originator().SendOnLink(kNoMember, large)) {
  }
  EXPECT_GT(frames_.room(), 0U);
  EXPECT_THAT(frames_.copies(), SizeIs(OriginatedFrames::kMostBytes /
                                       (OriginatedFrames::kMaxFrameSize + kVirtioNetHeaderSize)));
}

TEST_F(OriginatorTest, NothingIsSentInAVlanWithoutMembers) {
  EXPECT_THAT(originator().Send(VlanId{11}, frame_, PortSet::All()), PortSet());
  EXPECT_THAT(TakePorts(), IsEmpty());
}

}  // namespace
}  // namespace tapswitch::originator_test
