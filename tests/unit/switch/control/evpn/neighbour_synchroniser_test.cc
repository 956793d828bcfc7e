// What is done about neighbours, whichever side changes.

#include "switch/control/evpn/neighbour_synchroniser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace tapswitch::neighbour_synchroniser_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Installation = NeighbourSynchroniser::Installation;

constexpr int kBridge = 7;
constexpr IpAddress kIp = IpAddress::FromV4(0x0A000001);
constexpr NeighbourOwner kOne{.mac = MacAddress::FromNumber(0x020000000001)};
constexpr NeighbourOwner kOther{.mac = MacAddress::FromNumber(0x020000000002)};

KernelNeighbour Entry(const NeighbourOwner& owner, bool is_remote, bool removed = false) {
  return {.kind = KernelNeighbour::Kind::kIp,
          .removed = removed,
          .ifindex = kBridge,
          .mac = owner.mac,
          .ip = kIp,
          .permanent = !is_remote,
          .reachable = true,
          .extern_learn = is_remote};
}

class NeighbourSynchroniserTest : public testing::Test {
 protected:
  std::vector<Installation> Take() { return neighbours_.TakeInstallations(100); }

  NeighbourSynchroniser neighbours_;
};

TEST_F(NeighbourSynchroniserTest, InstallsWhatADaemonLearned) {
  neighbours_.OnKernel(Entry(kOne, true));
  EXPECT_THAT(Take(), ElementsAre(Installation{kIp, kOne}));
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_EQ(neighbours_.remote(), 1U);
}

TEST_F(NeighbourSynchroniserTest, ForgetsWhatIsWithdrawn) {
  neighbours_.OnKernel(Entry(kOne, true));
  Take();
  neighbours_.OnKernel(Entry(kOne, true, /*removed=*/true));
  EXPECT_THAT(Take(), ElementsAre(Installation{kIp, std::nullopt}));
}

TEST_F(NeighbourSynchroniserTest, ANeighbourThatFailedIsWithdrawn) {
  neighbours_.OnKernel(Entry(kOne, true));
  Take();
  KernelNeighbour failed = Entry(kOne, true);
  failed.reachable = false;
  neighbours_.OnKernel(failed);
  EXPECT_THAT(Take(), ElementsAre(Installation{kIp, std::nullopt}));
}

TEST_F(NeighbourSynchroniserTest, FindsNothingNewInAResynchronisation) {
  neighbours_.OnKernel(Entry(kOne, true));
  Take();
  neighbours_.BeginResync();
  neighbours_.OnKernel(Entry(kOne, true));
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(NeighbourSynchroniserTest, ForgetsInAResynchronisationWhatIsNotThereAnyMore) {
  neighbours_.OnKernel(Entry(kOne, true));
  Take();
  neighbours_.BeginResync();
  EXPECT_THAT(Take(), ElementsAre(Installation{kIp, std::nullopt}));
}

TEST_F(NeighbourSynchroniserTest, SetsAllAgainWhereTheSwitchHasForgotten) {
  neighbours_.OnKernel(Entry(kOne, true));
  Take();
  neighbours_.ForgetInstalled();
  EXPECT_THAT(Take(), ElementsAre(Installation{kIp, kOne}));
}

TEST_F(NeighbourSynchroniserTest, AnnouncesANeighbourUntilTheKernelHasIt) {
  const NeighbourOwners here{{kIp, kOne}};
  const NeighbourChange set{
      .kind = NeighbourChange::Kind::kSetIp, .ifindex = kBridge, .mac = kOne.mac, .ip = kIp};
  EXPECT_THAT(neighbours_.Announce(here, kBridge), ElementsAre(set));
  EXPECT_THAT(neighbours_.Announce(here, kBridge), ElementsAre(set));
  neighbours_.OnKernel(Entry(kOne, false));
  EXPECT_THAT(neighbours_.Announce(here, kBridge), IsEmpty());
  EXPECT_EQ(neighbours_.local(), 1U);
}

TEST_F(NeighbourSynchroniserTest, WithdrawsANeighbourThatIsGone) {
  neighbours_.OnKernel(Entry(kOne, false));
  EXPECT_THAT(neighbours_.Announce({}, kBridge),
              ElementsAre(NeighbourChange{
                  .kind = NeighbourChange::Kind::kRemoveIp, .ifindex = kBridge, .ip = kIp}));
}

TEST_F(NeighbourSynchroniserTest, DoesNotWithdrawWhatADaemonLearned) {
  neighbours_.OnKernel(Entry(kOne, true));
  EXPECT_THAT(neighbours_.Announce({}, kBridge), IsEmpty());
}

TEST_F(NeighbourSynchroniserTest, AnnouncesAStationThatMovedHere) {
  neighbours_.OnKernel(Entry(kOne, true));
  EXPECT_EQ(neighbours_.Announce({{kIp, kOne}}, kBridge).size(), 1U);
}

TEST_F(NeighbourSynchroniserTest, AStationThatMovedHereIsWithdrawnOnceItIsGone) {
  neighbours_.OnKernel(Entry(kOne, true));
  Take();
  EXPECT_EQ(neighbours_.Announce({{kIp, kOne}}, kBridge).size(), 1U);
  neighbours_.OnKernel(Entry(kOne, false));
  EXPECT_THAT(Take(), ElementsAre(Installation{kIp, std::nullopt}));
  EXPECT_THAT(neighbours_.Announce({{kIp, kOne}}, kBridge), IsEmpty());
  EXPECT_EQ(neighbours_.local(), 1U);
  EXPECT_THAT(neighbours_.Announce({{kIp, kOther}}, kBridge).size(), 1U) << "it has a new owner";
  EXPECT_EQ(neighbours_.Announce({}, kBridge).front().kind, NeighbourChange::Kind::kRemoveIp);
}

TEST_F(NeighbourSynchroniserTest, AnnouncesNothingThatAnotherMachineHas) {
  neighbours_.OnKernel(Entry(kOne, true));
  EXPECT_THAT(neighbours_.Announce({{kIp, kOther}}, kBridge), IsEmpty());
}

}  // namespace
}  // namespace tapswitch::neighbour_synchroniser_test
