// Questions for neighbours on their way through a bridge: who sees them, and what is answered, byte
// for byte.

#include "switch/protocol/neighbours/neighbour_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "switch/forwarding/bridge.h"
#include "tests/support/neighbour_frames.h"
#include "tests/support/test_frames.h"

namespace tapswitch::neighbour_proxy_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Port 0 is where questions come from; 1 and 2 suppress them, 3 does not.
constexpr PortId kAsker{0};
constexpr PortId kQuiet{1};
constexpr PortId kQuietToo{2};
constexpr PortId kLoud{3};

constexpr MacAddress Mac(uint64_t n) { return MacAddress::FromNumber(0x020000000000 + n); }
constexpr uint32_t Ip4(uint32_t n) { return 0x0A530000 + n; }

class NeighbourProxyTest : public testing::Test {
 protected:
  NeighbourProxyTest() {
    for (uint16_t id = 0; id < 4; ++id) {
      egress_.AddPort({id});
      ports_.push_back({.id = {id}, .neigh_suppress = id == 1 || id == 2});
    }
    bridge_.protocols().Add(proxy_);
    SetView();
  }

  void SetView() { bridge_.SetView(ForwardingView(ports_, forwarding_)); }

  // The ports that a frame leaves by.
  std::vector<uint16_t> Send(PortId ingress, const Bytes& bytes) {
    const Frame frame = frames_.Plain(ingress, bytes);
    egress_.Clear();
    egress_.originated().Clear();
    bridge_.Process({&frame, 1}, now_, egress_);
    std::vector<uint16_t> ports;
    egress_.used().ForEach([&](PortId port) { ports.push_back(port.value); });
    return ports;
  }

  // What the bridge answered to the last frame, by the port that it came from.
  std::vector<Bytes> Answers() {
    std::vector<Bytes> answers;
    for (const OriginatedFrames::Copy& copy : egress_.originated().copies()) {
      EXPECT_EQ(copy.egress, kAsker);
      answers.emplace_back(copy.wire.data + kVirtioNetHeaderSize, copy.wire.data + copy.wire.size);
    }
    return answers;
  }

  // Host n announces 10.83.0.n and fd83::n at a port.
  void Introduce(PortId port, uint8_t n, std::optional<uint16_t> tag = {}) {
    static_cast<void>(Send(
        port, ArpFrame{.source = Mac(n), .sender = Ip4(n), .target = Ip4(n), .tag = tag}.Build()));
    NdFrame announcement = Advertisement(Mac(n), n, SolicitedNodeMac(1), 1);
    announcement.tag = tag;
    static_cast<void>(Send(port, announcement.Build()));
  }

  static ArpFrame Question(uint8_t target) {
    return {.source = Mac(9), .sender = Ip4(9), .target = Ip4(target)};
  }

  EgressLists egress_;
  TestFrames frames_;
  std::vector<PortForwarding> ports_;
  BridgeForwarding forwarding_;
  NeighbourProxy proxy_;
  Bridge bridge_{{.capacity = 64, .ageing = {30000}, .salt = 7}};
  Tick now_{1000};
};

TEST_F(NeighbourProxyTest, AQuestionForANeighbourBehindASuppressingPortIsAnsweredInItsName) {
  Introduce(kQuiet, 2);
  EXPECT_THAT(Send(kAsker, Question(2).Build()), ElementsAre(3)) << "as Linux does";
  const ArpFrame reply{.destination = Mac(9),
                       .source = Mac(2),
                       .operation = 2,
                       .sender = Ip4(2),
                       .target_mac = Mac(9),
                       .target = Ip4(9)};
  EXPECT_THAT(Answers(), ElementsAre(reply.Build()));
  EXPECT_EQ(proxy_.counters(), (NeighbourProxy::Counters{.answered = 1, .spared = 1}));
}

TEST_F(NeighbourProxyTest, ASolicitationToo) {
  Introduce(kQuiet, 2);
  EXPECT_THAT(Send(kAsker, Solicitation(Mac(9), 9, 2).Build()), ElementsAre(3));
  EXPECT_THAT(Answers(), ElementsAre(Advertisement(Mac(2), 2, Mac(9), 9).Build()));
}

TEST_F(NeighbourProxyTest, ARouterIsAnsweredForAsOne) {
  static_cast<void>(
      Send(kQuiet, Advertisement(Mac(2), 2, SolicitedNodeMac(1), 1, 0xE0000000).Build()));
  static_cast<void>(Send(kAsker, Solicitation(Mac(9), 9, 2).Build()));
  EXPECT_THAT(Answers(), ElementsAre(Advertisement(Mac(2), 2, Mac(9), 9, 0xE0000000).Build()));
}

TEST_F(NeighbourProxyTest, OneThatHasNotSaidWhetherItRoutesAnswersForItself) {
  static_cast<void>(Send(kQuiet, Solicitation(Mac(2), 2, 77).Build()));
  EXPECT_THAT(Send(kAsker, Solicitation(Mac(9), 9, 2).Build()), ElementsAre(1, 2, 3));
  EXPECT_THAT(Answers(), IsEmpty());
}

TEST_F(NeighbourProxyTest, AQuestionThatNobodyIsLeftForIsCountedWhereItCameIn) {
  ports_[3].neigh_suppress = true;
  SetView();
  Introduce(kQuiet, 2);
  EXPECT_THAT(Send(kAsker, Question(2).Build()), IsEmpty());
  EXPECT_EQ(bridge_.counters(kAsker).dropped(DropReason::kNeighbourAnswered), 1U);
  EXPECT_THAT(Answers(), testing::SizeIs(1));
}

TEST_F(NeighbourProxyTest, ANeighbourBehindAnyOtherPortAnswersForItself) {
  Introduce(kLoud, 2);
  EXPECT_THAT(Send(kAsker, Question(2).Build()), ElementsAre(3));
  EXPECT_THAT(Answers(), IsEmpty());
  EXPECT_EQ(proxy_.counters(), (NeighbourProxy::Counters{.spared = 1}));
}

TEST_F(NeighbourProxyTest, WhatIsUnknownIsAskedEverywhere) {
  EXPECT_THAT(Send(kAsker, Question(2).Build()), ElementsAre(1, 2, 3));
  EXPECT_THAT(Send(kAsker, Solicitation(Mac(9), 9, 2).Build()), ElementsAre(1, 2, 3));
  EXPECT_THAT(Answers(), IsEmpty());
}

TEST_F(NeighbourProxyTest, AQuestionFromASuppressingPortIsLeftAlone) {
  Introduce(kQuiet, 2);
  EXPECT_THAT(Send(kQuietToo, Question(2).Build()), ElementsAre(0, 1, 3));
  EXPECT_THAT(Answers(), IsEmpty());
}

TEST_F(NeighbourProxyTest, ProbesAndAnnouncementsReachAllAndAreNotAnswered) {
  Introduce(kQuiet, 2);
  ArpFrame probe = Question(2);
  probe.sender = 0;
  EXPECT_THAT(Send(kAsker, probe.Build()), ElementsAre(1, 2, 3));
  EXPECT_THAT(Answers(), IsEmpty());
  NdFrame dad = Solicitation(Mac(9), 9, 2);
  dad.from = {};
  dad.options = {};
  EXPECT_THAT(Send(kAsker, dad.Build()), ElementsAre(1, 2, 3));
  EXPECT_THAT(Answers(), IsEmpty());
  EXPECT_THAT(Send(kAsker, Question(9).Build()), ElementsAre(1, 2, 3)) << "its own address";
}

TEST_F(NeighbourProxyTest, NothingIsAnsweredForAStationThatHasGone) {
  Introduce(kQuiet, 2);
  bridge_.table().FlushPort(kQuiet);
  EXPECT_THAT(Send(kAsker, Question(2).Build()), ElementsAre(1, 2, 3));
  EXPECT_THAT(Answers(), IsEmpty());
}

TEST_F(NeighbourProxyTest, NothingIsAnsweredForAnAddressThatTwoClaim) {
  Introduce(kQuiet, 2);
  static_cast<void>(
      Send(kLoud, ArpFrame{.source = Mac(66), .sender = Ip4(2), .target = Ip4(2)}.Build()));
  EXPECT_THAT(Send(kAsker, Question(2).Build()), ElementsAre(1, 2, 3));
  EXPECT_THAT(Answers(), IsEmpty());
  EXPECT_EQ(proxy_.counters().contested, 1U);
}

TEST_F(NeighbourProxyTest, WhoUsesTheAddressOfAStationElsewhereIsNotBelieved) {
  ASSERT_TRUE(bridge_.table().Set(
      {.address = Mac(2), .port = kQuiet, .state = MacEntryState::kStatic}, now_));
  Introduce(kLoud, 2);
  EXPECT_THAT(Send(kAsker, Question(2).Build()), ElementsAre(1, 2, 3));
  EXPECT_THAT(Answers(), IsEmpty());
}

TEST_F(NeighbourProxyTest, PortsThatMayNotReachEachOtherDoNotGetAnswers) {
  ports_[0].isolated = ports_[1].isolated = true;
  SetView();
  Introduce(kQuiet, 2);
  EXPECT_THAT(Send(kAsker, Question(2).Build()), ElementsAre(2, 3));
  EXPECT_THAT(Answers(), IsEmpty());
}

TEST_F(NeighbourProxyTest, WithoutRoomForAnAnswerTheQuestionIsAsked) {
  Introduce(kQuiet, 2);
  const Bytes bytes = Question(2).Build();
  std::vector<Frame> frames(FrameBatch::kCapacity, frames_.Plain(kAsker, bytes));
  egress_.Clear();
  egress_.originated().Clear();
  egress_.originated().Append(kLoud, {});  // a probe, perhaps
  bridge_.Process(frames, now_, egress_);
  EXPECT_EQ(proxy_.counters().answered, 255U);
  EXPECT_EQ(egress_.of(kQuiet).size(), 1U);
}

TEST_F(NeighbourProxyTest, NothingIsLookedAtWhileNoPortSuppresses) {
  for (PortForwarding& port : ports_) port.neigh_suppress = false;
  SetView();
  Introduce(kQuiet, 2);
  EXPECT_EQ(proxy_.table().CountAlive(now_), 0U);
  EXPECT_FALSE(bridge_.protocols().may_want(static_cast<uint16_t>(EtherType::kArp)));
}

// With VLAN 10 tagged at the asker, untagged elsewhere.
class NeighbourProxyVlanTest : public NeighbourProxyTest {
 protected:
  NeighbourProxyVlanTest() {
    forwarding_.vlan_filtering = true;
    for (PortForwarding& port : ports_) {
      port.vlans.members.insert(VlanId{10});
      if (port.id == kAsker) continue;
      port.vlans.untagged.insert(VlanId{10});
      port.vlans.pvid = VlanId{10};
    }
    SetView();
  }
};

TEST_F(NeighbourProxyVlanTest, TheAnswerHasTheTagAndPriorityOfTheQuestion) {
  Introduce(kQuiet, 2);
  ArpFrame question = Question(2);
  question.tag = 0x600A;
  EXPECT_THAT(Send(kAsker, question.Build()), ElementsAre(3));
  const ArpFrame reply{.destination = Mac(9),
                       .source = Mac(2),
                       .operation = 2,
                       .sender = Ip4(2),
                       .target_mac = Mac(9),
                       .target = Ip4(9),
                       .tag = 0x600A};
  EXPECT_THAT(Answers(), ElementsAre(reply.Build()));

  NdFrame solicitation = Solicitation(Mac(9), 9, 2);
  solicitation.tag = 0x000A;
  static_cast<void>(Send(kAsker, solicitation.Build()));
  NdFrame advertisement = Advertisement(Mac(2), 2, Mac(9), 9);
  advertisement.tag = 0x000A;
  EXPECT_THAT(Answers(), ElementsAre(advertisement.Build()));
}

TEST_F(NeighbourProxyVlanTest, TheAnswerIsUntaggedWhereTheVlanIs) {
  ports_[0].vlans.untagged.insert(VlanId{10});
  ports_[0].vlans.pvid = VlanId{10};
  SetView();
  Introduce(kQuiet, 2);
  for (const std::optional<uint16_t> tag : {std::optional<uint16_t>(), {0xE000}, {0x000A}}) {
    ArpFrame question = Question(2);
    question.tag = tag;
    static_cast<void>(Send(kAsker, question.Build()));
    ASSERT_THAT(Answers(), testing::SizeIs(1));
    EXPECT_FALSE(ParseHeader(Answers()[0])->tag) << "also of a priority tag";
  }
}

TEST_F(NeighbourProxyVlanTest, KnowledgeIsOfOneVlan) {
  for (PortForwarding& port : ports_) port.vlans.members.insert(VlanId{20});
  SetView();
  Introduce(kQuiet, 2, 20);
  ArpFrame question = Question(2);
  question.tag = 10;
  EXPECT_THAT(Send(kAsker, question.Build()), ElementsAre(1, 2, 3));
  question.tag = 20;
  EXPECT_THAT(Send(kAsker, question.Build()), ElementsAre(3));
}

TEST_F(NeighbourProxyTest, ATagThatIsPayloadHidesTheQuestion) {
  Introduce(kQuiet, 2);
  ArpFrame question = Question(2);
  question.tag = 10;
  EXPECT_THAT(Send(kAsker, question.Build()), ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace tapswitch::neighbour_proxy_test
