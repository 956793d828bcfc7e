// The VLANs of a port, as they are edited by hand.

#include "switch/control/config/vlan_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tapswitch::vlan_edit_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Shown(const PortVlans& vlans) {
  std::vector<std::string> shown;
  for (const VlanRange range : RangesOf(vlans)) {
    shown.push_back(RangeText(range));
    if (range.first == vlans.pvid) shown.back() += " pvid";
    if (vlans.untagged.contains(range.first)) shown.back() += " untagged";
  }
  return shown;
}

VlanRange Range(const std::string& text) { return ParseVlanRange(text).value(); }

TEST(VlanRangeTest, IsOneVlanOrSeveral) {
  EXPECT_EQ(Range("1"), (VlanRange{{1}, {1}}));
  EXPECT_EQ(Range("10-4094"), (VlanRange{{10}, {4094}}));
  EXPECT_EQ(RangeText(Range("7-9")), "7-9");
}

TEST(VlanRangeTest, OthersAreRefusedByName) {
  for (const std::string text : {"", "0", "4095", "5-4", "1-", "-1", "1-2-3", "x", "1 ", "70000"}) {
    const auto range = ParseVlanRange(text);
    ASSERT_FALSE(range.ok()) << text;
    EXPECT_THAT(std::string(range.status().message()), testing::HasSubstr("'" + text + "'"));
  }
}

TEST(VlanEditTest, ANewPortIsInTheDefaultVlanUntagged) {
  EXPECT_THAT(Shown(OnlyPvid({1})), ElementsAre("1 pvid untagged"));
  EXPECT_THAT(Shown(OnlyPvid(kNoVlan)), IsEmpty());
}

TEST(VlanEditTest, AddingAgainWithoutAWordClearsWhatItSaid) {
  PortVlans vlans = OnlyPvid({1});
  ASSERT_TRUE(AddVlans(Range("1"), false, true, vlans).ok());
  EXPECT_THAT(Shown(vlans), ElementsAre("1 untagged"));
  ASSERT_TRUE(AddVlans(Range("1"), true, false, vlans).ok());
  EXPECT_THAT(Shown(vlans), ElementsAre("1 pvid"));
  ASSERT_TRUE(AddVlans(Range("1"), false, false, vlans).ok());
  EXPECT_THAT(Shown(vlans), ElementsAre("1"));
}

TEST(VlanEditTest, ThePvidMovesAndSeveralMayBeUntagged) {
  PortVlans vlans = OnlyPvid({1});
  ASSERT_TRUE(AddVlans(Range("20"), true, true, vlans).ok());
  EXPECT_THAT(Shown(vlans), ElementsAre("1 untagged", "20 pvid untagged"));
}

TEST(VlanEditTest, ARangeCannotBeThePvid) {
  PortVlans vlans = OnlyPvid({1});
  const absl::Status status = AddVlans(Range("5-6"), true, false, vlans);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("5-6"));
  EXPECT_THAT(Shown(vlans), ElementsAre("1 pvid untagged"));
}

TEST(VlanEditTest, RangesEndWhereSomethingDiffers) {
  PortVlans vlans;
  ASSERT_TRUE(AddVlans(Range("10-20"), false, false, vlans).ok());
  ASSERT_TRUE(AddVlans(Range("12"), false, true, vlans).ok());
  ASSERT_TRUE(AddVlans(Range("15"), true, false, vlans).ok());
  ExceptionFor({18}, vlans).flood = false;
  EXPECT_THAT(Shown(vlans),
              ElementsAre("10-11", "12 untagged", "13-14", "15 pvid", "16-17", "18", "19-20"));
}

TEST(VlanEditTest, WhatIsDeletedLeavesNothing) {
  PortVlans vlans = OnlyPvid({1});
  ExceptionFor({1}, vlans).learning = false;
  DeleteVlans(Range("1-4094"), vlans);
  EXPECT_EQ(vlans, PortVlans{});
  DeleteVlans(Range("7"), vlans);  // absent
  EXPECT_EQ(vlans, PortVlans{});
}

TEST(VlanEditTest, APortThatHasTheDefaultFollowsIt) {
  PortVlans vlans = OnlyPvid({1});
  ChangeDefaultPvid({1}, {5}, vlans);
  EXPECT_THAT(Shown(vlans), ElementsAre("5 pvid untagged"));
  ChangeDefaultPvid({5}, kNoVlan, vlans);
  EXPECT_THAT(Shown(vlans), IsEmpty());
  ChangeDefaultPvid(kNoVlan, {7}, vlans);
  EXPECT_THAT(Shown(vlans), ElementsAre("7 pvid untagged"));
}

TEST(VlanEditTest, APortThatWasSetOtherwiseDoesNot) {
  PortVlans tagged;
  ASSERT_TRUE(AddVlans(Range("1"), true, false, tagged).ok());
  ChangeDefaultPvid({1}, {5}, tagged);
  EXPECT_THAT(Shown(tagged), ElementsAre("1 pvid"));

  PortVlans has_new = OnlyPvid({1});
  ASSERT_TRUE(AddVlans(Range("5"), false, false, has_new).ok());
  ChangeDefaultPvid({1}, {5}, has_new);
  EXPECT_THAT(Shown(has_new), ElementsAre("1 pvid untagged", "5"));
}

TEST(VlanEditTest, AnExceptionThatSaysNothingIsForgotten) {
  PortVlans vlans = OnlyPvid({1});
  ExceptionFor({1}, vlans).flood = false;
  TidyExceptions(vlans);
  EXPECT_EQ(vlans.exceptions.size(), 1U);
  ExceptionFor({1}, vlans).flood = true;
  TidyExceptions(vlans);
  EXPECT_THAT(vlans.exceptions, IsEmpty());
}

TEST(VlanProtocolTest, HasTheNamesOfIproute2) {
  EXPECT_EQ(ParseVlanProtocol("802.1Q"), EtherType::kVlan);
  EXPECT_EQ(ParseVlanProtocol("802.1ad"), EtherType::kServiceVlan);
  EXPECT_EQ(ParseVlanProtocol("802.1AD"), EtherType::kServiceVlan);
  EXPECT_EQ(ParseVlanProtocol("802.1x"), std::nullopt);
  EXPECT_EQ(NameOfVlanProtocol(EtherType::kVlan), "802.1Q");
  EXPECT_EQ(NameOfVlanProtocol(EtherType::kServiceVlan), "802.1ad");
}

}  // namespace
}  // namespace tapswitch::vlan_edit_test
