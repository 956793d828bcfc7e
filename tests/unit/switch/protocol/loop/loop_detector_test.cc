// Probes that come back, and who is to blame.

#include "switch/protocol/loop/loop_detector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "switch/forwarding/wire/bytes.h"

namespace tapswitch::loop_detector_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Bytes = std::vector<std::byte>;

constexpr PortId kA{0};
constexpr PortId kB{1};
constexpr PortId kC{2};
constexpr ProbeSender kSender{.bridge = MacAddress::FromNumber(0x020000000099),
                              .key = {.low = 1, .high = 2}};

TEST(SipHashTest, IsAsItsAuthorsSay) {
  // Appendix A of their paper.
  std::array<std::byte, 15> message{};
  for (size_t i = 0; i < message.size(); ++i) message[i] = static_cast<std::byte>(i);
  const SipKey key{.low = 0x0706050403020100, .high = 0x0F0E0D0C0B0A0908};
  EXPECT_EQ(SipHash(key, message), 0xA129CA6149BE45E5U);
}

TEST(LoopProbeTest, IsABroadcastOfTheBridgeWithAPrivateType) {
  const auto frame = MakeLoopProbe(kSender, {.port = {7}, .sequence = 9});
  const auto header = ParseHeader(frame);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->destination, kBroadcastAddress);
  EXPECT_EQ(header->source, kSender.bridge);
  EXPECT_EQ(header->type_or_length, 0x88B5);
  EXPECT_FALSE(header->tag);
}

TEST(LoopProbeTest, ReadsWhatItSent) {
  const LoopProbe probe{.port = {1023}, .sequence = 0xFFFFFFFF};
  const auto frame = MakeLoopProbe(kSender, probe);
  EXPECT_EQ(ReadLoopProbe(kSender, std::span(frame).subspan(kEthernetHeaderSize)), probe);
}

TEST(LoopProbeTest, NobodyElseCanMakeOne) {
  const auto frame = MakeLoopProbe(kSender, {.port = {3}, .sequence = 5});
  const Bytes payload(frame.begin() + kEthernetHeaderSize, frame.end());
  for (size_t bit = 0; bit < 28 * 8; ++bit) {
    Bytes forged = payload;
    forged[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    EXPECT_EQ(ReadLoopProbe(kSender, forged), std::nullopt) << "bit " << bit;
  }
  for (size_t size = 0; size < 28; ++size) {
    EXPECT_EQ(ReadLoopProbe(kSender, std::span(payload).first(size)), std::nullopt) << size;
  }
  EXPECT_EQ(ReadLoopProbe({kSender.bridge, {.low = 1, .high = 3}}, payload), std::nullopt);
  EXPECT_EQ(ReadLoopProbe({MacAddress::FromNumber(0x020000000098), kSender.key}, payload),
            std::nullopt);
}

// A detector of three ports, to which frames are shown.
class LoopDetectorTest : public testing::Test {
 protected:
  LoopDetectorTest() {
    detector_.SetSender(kSender);
    SetPorts({kA, kB, kC}, {kA, kB, kC});
    detector_.Configure({.period = {100}}, now_);
  }

  static PortSet SetOf(std::initializer_list<PortId> ports) {
    PortSet set;
    for (const PortId port : ports) set.insert(port);
    return set;
  }
  void SetPorts(std::initializer_list<PortId> forwarding, std::initializer_list<PortId> probing) {
    detector_.SetPorts(SetOf(forwarding), SetOf(probing));
  }

  // The probes that are due, by port.
  std::vector<Bytes> Probes() {
    originated_.Clear();
    RunTick();
    std::vector<Bytes> probes(3);
    for (const OriginatedFrames::Copy& copy : originated_.copies()) {
      probes[copy.egress.value].assign(copy.wire.data + kVirtioNetHeaderSize,
                                       copy.wire.data + copy.wire.size);
    }
    return probes;
  }

  void RunTick() {
    Originator originator(view_, counters_, originated_);
    ProtocolContext context{view_, table_, now_, alarms_, originator};
    detector_.OnTick(context);
  }

  ProtocolVerdict::Action Show(PortId ingress, const Bytes& frame) {
    const auto header = ParseHeader(frame);
    alarms_.Clear();
    Originator originator(view_, counters_, originated_);
    ProtocolContext context{view_, table_, now_, alarms_, originator};
    return detector_.See({ingress, view_.Classify(ingress, *header), *header, frame}, context)
        .action;
  }
  std::vector<PortId> Blamed() const {
    std::vector<PortId> ports;
    for (const Alarm& alarm : alarms_.alarms()) ports.push_back(alarm.port);
    return ports;
  }
  void Pass(uint64_t centiseconds) { now_ = now_ + Ticks{centiseconds}; }

  Tick now_{1000};
  std::vector<PortForwarding> ports_{{.id = kA}, {.id = kB}, {.id = kC}};
  ForwardingView view_{ports_};
  MacTable table_{{.capacity = 16, .ageing = {30000}, .salt = 1}};
  AlarmLog alarms_;
  VlanCounterTable counters_;
  OriginatedFrames originated_;
  LoopDetector detector_;
};

TEST_F(LoopDetectorTest, EachPortSendsAProbeOnceAPeriod) {
  EXPECT_EQ(detector_.next_deadline(), now_);
  for (const Bytes& probe : Probes()) EXPECT_THAT(probe, SizeIs(60));
  EXPECT_EQ(detector_.next_deadline(), now_ + Ticks{100});
  Pass(99);
  for (const Bytes& probe : Probes()) EXPECT_THAT(probe, IsEmpty());
  Pass(1);
  for (const Bytes& probe : Probes()) EXPECT_THAT(probe, SizeIs(60));
  EXPECT_EQ(detector_.counters().probes, 6U);
}

TEST_F(LoopDetectorTest, NothingIsSentAndNobodyIsWokenWhenItIsOff) {
  detector_.Configure({}, now_);
  for (const Bytes& probe : Probes()) EXPECT_THAT(probe, IsEmpty());
  EXPECT_EQ(detector_.next_deadline(), std::nullopt);
}

TEST_F(LoopDetectorTest, APortThatTakesNoPartSendsNothing) {
  SetPorts({kA, kB, kC}, {kA});
  const auto probes = Probes();
  EXPECT_THAT(probes[0], SizeIs(60));
  EXPECT_THAT(probes[1], IsEmpty());
}

TEST_F(LoopDetectorTest, AProbeThatFindsNoRoomIsSentTheNextTime) {
  while (originated_.room() > 1) originated_.Append(kC, {});
  RunTick();
  EXPECT_EQ(detector_.counters().probes, 1U);
  EXPECT_EQ(detector_.next_deadline(), Tick{}) << "at once";
  originated_.Clear();
  RunTick();
  EXPECT_EQ(detector_.counters().probes, 3U);
  EXPECT_EQ(detector_.next_deadline(), now_ + Ticks{100});
}

TEST_F(LoopDetectorTest, OfTwoPortsTheHigherIsBlamedWhicheverWayTheProbeWent) {
  const auto probes = Probes();
  EXPECT_EQ(Show(kC, probes[1]), ProtocolVerdict::Action::kConsume);
  EXPECT_THAT(alarms_.alarms(), ElementsAre(Alarm{.kind = Alarm::Kind::kLoop,
                                                  .port = kC,
                                                  .other = kB,
                                                  .shut_down = true,
                                                  .recovery = {30000}}));
  EXPECT_EQ(Show(kB, probes[2]), ProtocolVerdict::Action::kConsume);
  EXPECT_THAT(Blamed(), ElementsAre(kC));
}

TEST_F(LoopDetectorTest, APortThatGetsItsOwnProbeBackIsALoopByItself) {
  EXPECT_EQ(Show(kB, Probes()[1]), ProtocolVerdict::Action::kConsume);
  EXPECT_THAT(Blamed(), ElementsAre(kB));
}

TEST_F(LoopDetectorTest, OnlyPortsThatTakePartAreBlamed) {
  SetPorts({kA, kB, kC}, {kA, kB});
  EXPECT_EQ(Show(kC, Probes()[0]), ProtocolVerdict::Action::kConsume);
  EXPECT_THAT(Blamed(), ElementsAre(kA));
}

TEST_F(LoopDetectorTest, APortThatDoesNotForwardIsNoLoop) {
  const auto probes = Probes();
  SetPorts({kA, kB}, {kA, kB});
  EXPECT_EQ(Show(kC, probes[0]), ProtocolVerdict::Action::kConsume);
  EXPECT_THAT(Blamed(), IsEmpty());
  EXPECT_EQ(Show(kA, probes[2]), ProtocolVerdict::Action::kConsume) << "sent before";
  EXPECT_THAT(Blamed(), IsEmpty());
}

TEST_F(LoopDetectorTest, ProbesOfOthersAndOtherFramesPass) {
  const auto probe = MakeLoopProbe({.bridge = MacAddress::FromNumber(0x020000000077), .key = {}},
                                   {.port = kA, .sequence = 1});
  EXPECT_EQ(Show(kB, {probe.begin(), probe.end()}), ProtocolVerdict::Action::kPass);
  Bytes other = Probes()[0];
  StoreBe16(other.data() + kTypeOffset, 0x0800);
  EXPECT_EQ(Show(kB, other), ProtocolVerdict::Action::kPass);
  EXPECT_THAT(Blamed(), IsEmpty());
}

TEST_F(LoopDetectorTest, AProbeThatSomebodyKeptForLongBlamesNobody) {
  const Bytes old = Probes()[0];
  for (int period = 0; period < 3; ++period) {
    Pass(100);
    static_cast<void>(Probes());
  }
  EXPECT_EQ(Show(kB, old), ProtocolVerdict::Action::kConsume);
  EXPECT_THAT(Blamed(), ElementsAre(kB)) << "three periods are not long";
  Pass(100);
  static_cast<void>(Probes());
  EXPECT_EQ(Show(kB, old), ProtocolVerdict::Action::kConsume);
  EXPECT_THAT(Blamed(), IsEmpty());
}

TEST_F(LoopDetectorTest, ALoopIsLoggedOnceUntilItHasGone) {
  detector_.Configure({.period = {100}, .action = LoopDetection::Action::kLog}, now_);
  const auto find = [&] {
    static_cast<void>(Show(kB, Probes()[0]));
    return alarms_.alarms().size();
  };
  EXPECT_EQ(find(), 1U);
  EXPECT_FALSE(alarms_.alarms()[0].shut_down);
  for (int period = 0; period < 10; ++period) {
    Pass(100);
    EXPECT_EQ(find(), 0U);
  }
  Pass(400);
  EXPECT_EQ(find(), 1U) << "it had gone";
  EXPECT_EQ(detector_.counters().loops, 2U);
}

TEST_F(LoopDetectorTest, ALoopThatLastsIsNewsOnceThePortForwardsAgain) {
  static_cast<void>(Show(kB, Probes()[0]));
  EXPECT_EQ(detector_.counters().loops, 1U);
  SetPorts({kA, kC}, {kA, kC});
  SetPorts({kA, kB, kC}, {kA, kB, kC});
  Pass(100);
  static_cast<void>(Show(kB, Probes()[0]));
  EXPECT_THAT(Blamed(), ElementsAre(kB));
  EXPECT_EQ(detector_.counters().loops, 2U);
}

TEST_F(LoopDetectorTest, ACableBetweenTwoVlansIsNoLoop) {
  for (PortForwarding& port : ports_) {
    port.vlans.pvid = VlanId{static_cast<uint16_t>(10 + port.id.value / 2)};
    port.vlans.members.insert(port.vlans.pvid);
  }
  view_ = ForwardingView(ports_, {.vlan_filtering = true});
  const auto probes = Probes();
  EXPECT_EQ(Show(kC, probes[0]), ProtocolVerdict::Action::kConsume) << "VLANs 10 and 11";
  EXPECT_THAT(Blamed(), IsEmpty());
  EXPECT_EQ(Show(kB, probes[0]), ProtocolVerdict::Action::kConsume) << "both 10";
  EXPECT_THAT(Blamed(), ElementsAre(kB));
}

}  // namespace
}  // namespace tapswitch::loop_detector_test
