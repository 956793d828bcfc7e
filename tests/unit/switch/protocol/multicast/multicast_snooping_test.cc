#include "switch/protocol/multicast/multicast_snooping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/snooping_bridge.h"

namespace tapswitch::multicast_snooping_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MulticastSnoopingTest : public SnoopingBridge {};

TEST_F(MulticastSnoopingTest, GroupGoesToThoseWhoJoinedItOnceHostsCouldAnswer) {
  Join(kB, kGroup);
  EXPECT_THAT(Data(kGroup), ElementsAre(1));
}

TEST_F(MulticastSnoopingTest, EverythingIsFloodedUntilHostsCouldAnswer) {
  settings_.bridge.querier = false;
  Apply();
  Join(kB, kGroup);
  EXPECT_THAT(Data(kGroup), ElementsAre(1, 2, 3)) << "nobody asks";
  settings_.bridge.querier = true;
  Apply();
  Wait(900);
  EXPECT_THAT(Data(kGroup), ElementsAre(1, 2, 3)) << "not all have answered yet";
  Wait(200);
  EXPECT_THAT(Data(kGroup), ElementsAre(1));
}

TEST_F(MulticastSnoopingTest, LeaveIsAskedAboutTwiceAndThenBelieved) {
  Join(kB, kGroup);
  sent_.clear();
  Leave(kB, kGroup);
  Wait(150);
  EXPECT_EQ(QueriesTo(kB, true), 2U);
  EXPECT_EQ(QueriesTo(kC, true), 0U) << "the others have nothing to do with it";
  EXPECT_THAT(Data(kGroup), ElementsAre(1));
  Wait(100);
  EXPECT_THAT(Data(kGroup), IsEmpty());
  EXPECT_EQ(bridge_.counters(kA).dropped(DropReason::kNoListener), 1U);
}

TEST_F(MulticastSnoopingTest, HostThatAnswersStaysAMember) {
  Join(kB, kGroup);
  Leave(kB, kGroup);
  Wait(150);
  Join(kB, kGroup);
  Wait(500);
  EXPECT_THAT(Data(kGroup), ElementsAre(1));
}

TEST_F(MulticastSnoopingTest, FastLeaveEndsAtOnceUnlessAnotherHostIsKnown) {
  ports_[1].multicast.fast_leave = true;
  Apply();
  Join(kB, kGroup);
  Leave(kB, kGroup);
  EXPECT_THAT(Data(kGroup), IsEmpty());
  Join(kB, kGroup);
  auto other = OldReport(kGroup);
  other.from = V4(0xC0000264);
  Send(kB, other.Build());
  Leave(kB, kGroup);
  EXPECT_THAT(Data(kGroup), ElementsAre(1));
}

TEST_F(MulticastSnoopingTest, MembershipEndsWhenNobodyAnswers) {
  settings_.bridge.membership_interval = Ticks{500};
  Apply();
  Join(kB, kGroup);
  Wait(499);
  EXPECT_THAT(Data(kGroup), ElementsAre(1));
  Wait(2);
  EXPECT_THAT(Data(kGroup), IsEmpty());
}

TEST_F(MulticastSnoopingTest, ReportsGoToRoutersAlone) {
  Send(kD, PimHello(kRouter));
  EXPECT_THAT(Send(kB, OldReport(kGroup).Build()), ElementsAre(3));
  EXPECT_THAT(Send(kB, NewReport({{.group = kGroup}}).Build()), ElementsAre(3));
  EXPECT_THAT(Send(kB, OldReport(kGroup, true).Build()), ElementsAre(3));
}

TEST_F(MulticastSnoopingTest, ReportsAreFloodedWhileNobodyAsks) {
  settings_.bridge.querier = false;
  Apply();
  EXPECT_THAT(Send(kB, OldReport(kGroup).Build()), ElementsAre(0, 2, 3));
}

TEST_F(MulticastSnoopingTest, GroupsGoToRoutersToo) {
  Join(kB, kGroup);
  Send(kD, PimHello(kRouter));
  EXPECT_THAT(Data(kGroup), ElementsAre(1, 3));
  Wait(25600);
  Join(kB, kGroup);
  EXPECT_THAT(Data(kGroup), ElementsAre(1)) << "it has not been heard of for long";
}

TEST_F(MulticastSnoopingTest, PortIsARoutersByHandOrNever) {
  ports_[2].multicast.router = 2;
  ports_[3].multicast.router = 0;
  Apply();
  Join(kB, kGroup);
  Send(kD, PimHello(kRouter));
  EXPECT_THAT(Data(kGroup), ElementsAre(1, 2));
}

TEST_F(MulticastSnoopingTest, LowerAddressIsElectedAndTheBridgeIsSilent) {
  Send(kD, QueryFrom(kRouter).Build());
  sent_.clear();
  Wait(13000);
  EXPECT_EQ(QueriesTo(kB, true), 0U);
  EXPECT_GT(QueriesTo(kB, false), 0U) << "of IPv6 it still is the one who asks";
  Wait(13000);
  EXPECT_GT(QueriesTo(kB, true), 0U) << "the other one is silent";
}

TEST_F(MulticastSnoopingTest, QueryWithoutASourceIsNoQuerierAndNoRouter) {
  sent_.clear();
  Send(kD, QueryFrom(V4(0)).Build());
  Wait(13000);
  EXPECT_GT(QueriesTo(kB, true), 0U);
  Join(kB, kGroup);
  EXPECT_THAT(Data(kGroup), ElementsAre(1));
}

TEST_F(MulticastSnoopingTest, MemberThatDoesNotAnswerAnotherQuerierIsGone) {
  Send(kD, QueryFrom(kRouter).Build());
  Join(kB, kGroup);
  Leave(kB, kGroup);
  Wait(500);
  EXPECT_THAT(Data(kGroup), ElementsAre(1, 3)) << "it is for the querier to ask";
  Send(kD, QueryFrom(kRouter, kGroup, 10).Build());
  Wait(201);
  EXPECT_THAT(Data(kGroup), ElementsAre(3));
}

TEST_F(MulticastSnoopingTest, SourcesAreIncludedAndExcluded) {
  settings_.bridge.igmp_version = 3;
  Apply();
  Send(kB, NewReport({{RecordType::kIsInclude, kGroup, {kSource}}}).Build());
  EXPECT_THAT(Data(kGroup, kSource), ElementsAre(1));
  EXPECT_THAT(Data(kGroup, kOtherSource), IsEmpty());
  Send(kB, NewReport({{RecordType::kToExclude, kGroup, {kSource}}}).Build());
  Wait(300);  // the querier asks whether kSource is wanted by somebody else
  EXPECT_THAT(Data(kGroup, kSource), IsEmpty());
  EXPECT_THAT(Data(kGroup, kOtherSource), ElementsAre(1));
}

TEST_F(MulticastSnoopingTest, ListsOfSourcesMeanAllWhereTheyCouldNotBeAskedFor) {
  Send(kB, NewReport({{RecordType::kIsInclude, kGroup, {kSource}}}).Build());
  EXPECT_THAT(Data(kGroup, kOtherSource), ElementsAre(1));
}

TEST_F(MulticastSnoopingTest, MoreSourcesThanCanBeTrackedMeanAll) {
  settings_.bridge.igmp_version = 3;
  Apply();
  std::vector<IpAddress> many;
  for (uint32_t i = 0; i < 40; ++i) many.push_back(V4(0xC0000300 + i));
  Send(kB, NewReport({{RecordType::kAllow, kGroup, many}}).Build());
  for (const IpAddress source : many) EXPECT_THAT(Data(kGroup, source), ElementsAre(1));
}

TEST_F(MulticastSnoopingTest, Ipv6GroupsAreSnoopedToo) {
  Join(kC, kGroupV6);
  EXPECT_THAT(Data(kGroupV6, kHostV6), ElementsAre(2));
  Leave(kC, kGroupV6);
  Wait(300);
  EXPECT_THAT(Data(kGroupV6, kHostV6), IsEmpty());
}

TEST_F(MulticastSnoopingTest, MalformedMessagesTeachNothingAndAreForwarded) {
  auto bad = OldReport(kGroup);
  bad.has_right_checksum = false;
  EXPECT_THAT(Send(kB, bad.Build()), ElementsAre(0, 2, 3));
  auto far = QueryFrom(kRouter);
  far.hops = 64;
  Send(kD, far.Build());
  auto unalerted = QueryFrom(kRouterV6);
  unalerted.has_router_alert = false;
  Send(kD, unalerted.Build());
  EXPECT_EQ(bridge_.groups().groups(), 0U);
  EXPECT_EQ(protocols_.multicast().counters().malformed, 3U);
  for (const auto& status : protocols_.multicast().Status(now_)) {
    EXPECT_FALSE(status.other.is_alive(now_));
    EXPECT_TRUE(status.routers.empty());
  }
}

TEST_F(MulticastSnoopingTest, ChecksumThatIsYetToBeFinishedIsNotLookedAt) {
  auto bad = OldReport(kGroup);
  bad.has_right_checksum = false;
  const WireBytes bytes = bad.Build();
  Frame frame = frames_.Plain(kB, bytes);
  frame.offload = {.needs_checksum = true, .checksum_start = 38, .checksum_offset = 2};
  egress_.Clear();
  bridge_.Process({&frame, 1}, now_, egress_);
  EXPECT_EQ(bridge_.groups().groups(), 1U);
}

TEST_F(MulticastSnoopingTest, LinkThatGoesDownForgetsWhatWasLearnedThere) {
  Join(kB, kGroup);
  bridge_.SetGate(kB, {.state = PortState::kDisabled});
  bridge_.TellProtocols();
  EXPECT_EQ(bridge_.groups().groups(), 0U);
}

TEST_F(MulticastSnoopingTest, PortThatComesUpIsAskedAndFloodedToUntilItCouldAnswer) {
  Join(kB, kGroup);
  bridge_.SetGate(kC, {.state = PortState::kDisabled});
  bridge_.TellProtocols();
  Wait(1);
  EXPECT_THAT(Data(kGroup), ElementsAre(1));
  bridge_.SetGate(kC, {.state = PortState::kForwarding});
  bridge_.TellProtocols();
  sent_.clear();
  Wait(1);
  EXPECT_EQ(QueriesTo(kC, true), 1U);
  EXPECT_EQ(QueriesTo(kB, true), 0U) << "only who is new is asked";
  EXPECT_THAT(Data(kGroup), ElementsAre(1, 2));
  Wait(1000);
  EXPECT_THAT(Data(kGroup), ElementsAre(1));
}

TEST_F(MulticastSnoopingTest, TopologyChangeAsksAgainAndFloodsUntilHostsHaveAnswered) {
  Join(kB, kGroup);
  sent_.clear();
  protocols_.multicast().AskAgain(now_);
  EXPECT_THAT(Data(kGroup), ElementsAre(1, 2, 3));
  Wait(1);
  EXPECT_EQ(QueriesTo(kC, true), 1U);
  Wait(1000);
  EXPECT_THAT(Data(kGroup), ElementsAre(1));
}

// ----- neighbour discovery -----------------------------------------------------------------------

constexpr IpAddress Solicited(uint64_t station) {
  return V6(0xFF02000000000000, 0x1FF000000 | station);
}

TEST_F(MulticastSnoopingTest, NeighbourDiscoveryReachesGuestsThatDoNotAnswerMld) {
  const auto deaf = MacAddress::FromNumber(0x020000000C01);
  Send(kC, DataTo(kGroup, kSource, deaf));  // its station is known
  Send(kB, OldReport(Solicited(1)).Build());
  Wait(200);
  EXPECT_THAT(Data(Solicited(9), kHostV6), ElementsAre(2, 3)) << "B answers MLD: it has not joined";
  EXPECT_THAT(Data(Solicited(1), kHostV6), ElementsAre(1, 2, 3));
}

TEST_F(MulticastSnoopingTest, OneStationThatAnswersDoesNotSpeakForAnotherOfItsPort) {
  Send(kB, OldReport(Solicited(1)).Build());
  Wait(200);
  EXPECT_THAT(Data(Solicited(9), kHostV6), ElementsAre(2, 3));
  Send(kB, DataTo(kGroup, kSource, MacAddress::FromNumber(0x020000000B02)));
  EXPECT_THAT(Data(Solicited(9), kHostV6), ElementsAre(1, 2, 3)) << "at once";
}

TEST_F(MulticastSnoopingTest, PortThatAnswersNoQueriesIsNamedOnce) {
  Send(kC, DataTo(kGroup, kSource, MacAddress::FromNumber(0x020000000C01)));
  AlarmLog& alarms = bridge_.port_guards().alarms();
  alarms.Clear();
  Wait(20000);
  EXPECT_EQ(protocols_.multicast().deaf(), PortSet::Of(kC));
  ASSERT_EQ(alarms.alarms().size(), 1U);
  EXPECT_EQ(alarms.alarms().front().kind, Alarm::Kind::kMldDeaf);
  EXPECT_EQ(alarms.alarms().front().port, kC);
}

}  // namespace
}  // namespace tapswitch::multicast_snooping_test
