// What is done about one address, whichever side changes.

#include "switch/control/evpn/fdb_synchroniser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace tapswitch::fdb_synchroniser_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using enum FdbOperation::Kind;

constexpr MacAddress kStation = MacAddress::FromNumber(0x020000000001);
constexpr IpAddress kVtep = IpAddress::FromV4(0xC0000202);
constexpr StationSighting kNowhere{};
constexpr StationSighting kLocal{.place = StationPlace::kLocal, .port = PortId{3}};
constexpr StationSighting kRemote{.place = StationPlace::kRemote};

class FdbSynchroniserTest : public testing::Test {
 protected:
  std::vector<FdbOperation> Take() { return synchroniser_.Take(100); }

  FdbSynchroniser synchroniser_;
};

TEST_F(FdbSynchroniserTest, AnnouncesAStationThatWasLearned) {
  synchroniser_.OnTable(kStation, kLocal);
  EXPECT_THAT(Take(), ElementsAre(FdbOperation{.kind = kAnnounce, .address = kStation}));
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_EQ(synchroniser_.local(), 1U);
}

TEST_F(FdbSynchroniserTest, AStationThatIsNotStickyAnyMoreIsMadeAnew) {
  synchroniser_.OnKernel(kStation, {.place = StationPlace::kLocal, .sticky = true});
  synchroniser_.OnTable(kStation, {.place = StationPlace::kLocal, .port = PortId{3}});
  EXPECT_THAT(
      synchroniser_.Take(10),
      ElementsAre(FdbOperation{.kind = kAnnounce, .address = kStation, .replaces_sticky = true}));
}

TEST_F(FdbSynchroniserTest, AnnouncesThatAStationIsSticky) {
  synchroniser_.OnTable(kStation,
                        {.place = StationPlace::kLocal, .sticky = true, .port = PortId{3}});
  EXPECT_THAT(Take(),
              ElementsAre(FdbOperation{.kind = kAnnounce, .address = kStation, .sticky = true}));
}

TEST_F(FdbSynchroniserTest, WithdrawsAStationThatIsGone) {
  synchroniser_.OnTable(kStation, kLocal);
  Take();
  synchroniser_.OnTable(kStation, kNowhere);
  EXPECT_THAT(Take(), ElementsAre(FdbOperation{.kind = kWithdraw, .address = kStation}));
  EXPECT_EQ(synchroniser_.local(), 0U);
}

TEST_F(FdbSynchroniserTest, AnnouncesNothingForAMoveBetweenPortsOfTheSwitch) {
  synchroniser_.OnTable(kStation, kLocal);
  Take();
  synchroniser_.OnTable(kStation, {.place = StationPlace::kLocal, .port = PortId{4}});
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(FdbSynchroniserTest, InstallsAStationOfAnotherMachine) {
  synchroniser_.OnTunnel(kStation, kVtep);
  synchroniser_.OnKernel(kStation, kRemote);
  EXPECT_THAT(Take(), ElementsAre(FdbOperation{.kind = kInstall, .address = kStation}));
  EXPECT_EQ(synchroniser_.VtepOf(kStation), kVtep);
  EXPECT_EQ(synchroniser_.remote(), 1U);
}

TEST_F(FdbSynchroniserTest, RemovesAStationOfAnotherMachineThatIsWithdrawn) {
  synchroniser_.OnKernel(kStation, kRemote);
  Take();
  synchroniser_.OnKernel(kStation, kNowhere);
  EXPECT_THAT(Take(), ElementsAre(FdbOperation{.kind = kRemove, .address = kStation}));
}

TEST_F(FdbSynchroniserTest, FollowsAStationThatMovesHere) {
  synchroniser_.OnTunnel(kStation, kVtep);
  synchroniser_.OnKernel(kStation, kRemote);
  Take();
  synchroniser_.OnTable(kStation, kLocal);
  EXPECT_THAT(Take(), ElementsAre(FdbOperation{.kind = kAnnounce, .address = kStation}));
  EXPECT_EQ(synchroniser_.VtepOf(kStation), std::nullopt);
}

TEST_F(FdbSynchroniserTest, FollowsAStationThatMovesAway) {
  synchroniser_.OnTable(kStation, kLocal);
  Take();
  synchroniser_.OnKernel(kStation, kRemote);
  EXPECT_THAT(Take(),
              ElementsAre(FdbOperation{.kind = kInstall, .address = kStation, .expected = kLocal}));
}

// The driver keeps the former place of a station that moved here.
TEST_F(FdbSynchroniserTest, RemovesWhatTheDriverStillHasOfAStationThatIsGone) {
  synchroniser_.OnTunnel(kStation, kVtep);
  synchroniser_.OnKernel(kStation, kRemote);
  Take();
  synchroniser_.OnTable(kStation, kLocal);
  Take();
  synchroniser_.OnTable(kStation, kNowhere);
  EXPECT_THAT(Take(), ElementsAre(FdbOperation{
                          .kind = kWithdraw, .address = kStation, .has_tunnel = true}));
}

TEST_F(FdbSynchroniserTest, WritesAnEntryAgainThatSomebodyElseRemoved) {
  synchroniser_.OnTable(kStation, kLocal);
  Take();
  synchroniser_.OnKernel(kStation, kNowhere);
  EXPECT_THAT(Take(), ElementsAre(FdbOperation{.kind = kAnnounce, .address = kStation}));
}

TEST_F(FdbSynchroniserTest, InstallsAnEntryAgainThatWasFlushed) {
  synchroniser_.OnKernel(kStation, kRemote);
  Take();
  synchroniser_.OnTable(kStation, kNowhere);
  EXPECT_THAT(Take(), ElementsAre(FdbOperation{.kind = kInstall, .address = kStation}));
}

TEST_F(FdbSynchroniserTest, BelievesTheKernelAfterAResynchronisation) {
  synchroniser_.BeginResync();
  synchroniser_.OnKernel(kStation, kRemote);
  synchroniser_.OnTable(kStation, kLocal);
  synchroniser_.EndResync();
  EXPECT_THAT(Take(),
              ElementsAre(FdbOperation{.kind = kInstall, .address = kStation, .expected = kLocal}));
}

TEST_F(FdbSynchroniserTest, DoesNothingInAResynchronisationThatFindsAllInStep) {
  synchroniser_.OnTable(kStation, kLocal);
  Take();
  synchroniser_.BeginResync();
  synchroniser_.OnTable(kStation, kLocal);
  synchroniser_.OnKernel(kStation, kLocal);
  synchroniser_.EndResync();
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(FdbSynchroniserTest, DoesNotTryAgainByItselfWhatWasRefused) {
  synchroniser_.OnKernel(kStation, kRemote);
  const auto refused = Take();
  synchroniser_.Refuse(refused.at(0));
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_EQ(synchroniser_.remote(), 0U);
  synchroniser_.BeginResync();
  synchroniser_.OnKernel(kStation, kRemote);
  synchroniser_.EndResync();
  EXPECT_THAT(Take(), ElementsAre(FdbOperation{.kind = kInstall, .address = kStation}));
}

TEST_F(FdbSynchroniserTest, DoesABoundedPartAtATime) {
  for (uint64_t i = 0; i < 10; ++i) {
    synchroniser_.OnTable(MacAddress::FromNumber(0x020000000000 + i), kLocal);
  }
  EXPECT_EQ(synchroniser_.Take(4).size(), 4U);
  EXPECT_TRUE(synchroniser_.has_work());
  EXPECT_EQ(synchroniser_.Take(100).size(), 6U);
  EXPECT_FALSE(synchroniser_.has_work());
}

}  // namespace
}  // namespace tapswitch::fdb_synchroniser_test
