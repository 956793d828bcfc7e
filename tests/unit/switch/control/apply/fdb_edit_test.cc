// Entries set by hand: what bridge(8) and the kernel allow.

#include "switch/control/apply/fdb_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tapswitch::fdb_edit_test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr PortId kA{1};
constexpr PortId kB{2};
constexpr Tick kNow{1000};
constexpr MacAddress kStation = MacAddress::FromNumber(0x020000000001);

class FdbEditTest : public testing::Test {
 protected:
  absl::Status Add(FdbVerb verb, FdbRequest request, PortState state = PortState::kForwarding) {
    if (request.address == MacAddress{}) request.address = kStation;
    return AddFdbEntry(table_, verb, request, state, kNow);
  }
  absl::Status AddStatic(FdbVerb verb, PortId port) {
    return Add(verb, {.port = port, .state = MacEntryState::kStatic});
  }
  MacEntry Entry() { return table_.Find(kNoVlan, kStation, kNow).value(); }

  MacTable table_{{.capacity = 4, .ageing = {30000}, .salt = 1}};
};

TEST_F(FdbEditTest, ABareAddIsPermanent) {
  EXPECT_TRUE(Add(FdbVerb::kAdd, {.port = kA}).ok());
  EXPECT_EQ(Entry().state, MacEntryState::kPermanent);
}

TEST_F(FdbEditTest, AddRefusesWhatExistsAlsoWhenItWasLearned) {
  table_.Learn(kNoVlan, kStation, kA, kNow);
  EXPECT_TRUE(absl::IsAlreadyExists(AddStatic(FdbVerb::kAdd, kA)));
  EXPECT_EQ(Entry().state, MacEntryState::kLearned);
}

TEST_F(FdbEditTest, ReplaceAddsOrChanges) {
  EXPECT_TRUE(AddStatic(FdbVerb::kReplace, kA).ok());
  EXPECT_TRUE(AddStatic(FdbVerb::kReplace, kB).ok());
  EXPECT_EQ(Entry().port, kB);
}

TEST_F(FdbEditTest, AppendAddsAPortToAStaticEntryAndDelTakesOneAway) {
  EXPECT_TRUE(AddStatic(FdbVerb::kAppend, kA).ok());
  EXPECT_TRUE(AddStatic(FdbVerb::kAppend, kB).ok());
  EXPECT_THAT(table_.FindAll(kNoVlan, kStation, kNow), SizeIs(2));
  EXPECT_TRUE(DeleteFdbEntry(table_, kNoVlan, kStation, kA, kNow).ok());
  EXPECT_EQ(Entry().port, kB);
  EXPECT_TRUE(absl::IsNotFound(DeleteFdbEntry(table_, kNoVlan, kStation, kA, kNow)));
  EXPECT_TRUE(DeleteFdbEntry(table_, kNoVlan, kStation, kB, kNow).ok());
  EXPECT_FALSE(table_.Find(kNoVlan, kStation, kNow));
}

TEST_F(FdbEditTest, NoStationHasAGroupAddressOrNone) {
  for (const uint64_t number : {0x01005E000001ULL, 0xFFFFFFFFFFFFULL}) {
    const auto address = MacAddress::FromNumber(number);
    EXPECT_THAT(std::string(Add(FdbVerb::kAdd, {.address = address, .port = kA}).message()),
                HasSubstr(address.ToString()));
  }
  const FdbRequest zero{.port = kA};
  EXPECT_FALSE(AddFdbEntry(table_, FdbVerb::kAdd, zero, PortState::kForwarding, kNow).ok());
}

TEST_F(FdbEditTest, StickyGoesWithStaticAndDynamicOnly) {
  EXPECT_FALSE(Add(FdbVerb::kAdd, {.port = kA, .sticky = true}).ok());
  EXPECT_TRUE(
      Add(FdbVerb::kAdd, {.port = kA, .state = MacEntryState::kLearned, .sticky = true}).ok());
  EXPECT_TRUE(Entry().sticky);
}

TEST_F(FdbEditTest, ADynamicEntryNeedsAPortThatLearns) {
  const FdbRequest dynamic{.port = kA, .state = MacEntryState::kLearned};
  for (const PortState state :
       {PortState::kDisabled, PortState::kListening, PortState::kBlocking}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(Add(FdbVerb::kAdd, dynamic, state)));
  }
  EXPECT_TRUE(Add(FdbVerb::kAdd, dynamic, PortState::kLearning).ok());
  EXPECT_TRUE(Entry().by_user);
}

TEST_F(FdbEditTest, UseIsLikeAFrameFromThere) {
  EXPECT_TRUE(Add(FdbVerb::kAdd, {.port = kA, .use = true}).ok());
  EXPECT_EQ(Entry().state, MacEntryState::kLearned);
  EXPECT_TRUE(Add(FdbVerb::kAdd, {.port = kB, .use = true}).ok()) << "it may be there already";
  EXPECT_EQ(Entry().port, kB);
  EXPECT_TRUE(Add(FdbVerb::kAdd, {.port = kA, .use = true}, PortState::kBlocking).ok());
  EXPECT_EQ(Entry().port, kB) << "a port that does not learn is passed over";
}

TEST_F(FdbEditTest, WhatIsLearnedElsewhereDoesNotAge) {
  EXPECT_TRUE(Add(FdbVerb::kAdd, {.port = kA, .extern_learn = true}).ok());
  const Tick later{kNow.centiseconds + 1'000'000};
  const auto entry = table_.Find(kNoVlan, kStation, later);
  ASSERT_TRUE(entry.has_value());
  EXPECT_TRUE(entry->extern_learn);
}

TEST_F(FdbEditTest, AFullTableSaysSo) {
  for (uint64_t i = 1; i <= 4; ++i) {
    ASSERT_TRUE(Add(FdbVerb::kAdd, {.address = MacAddress::FromNumber(0x020000000100 + i),
                                    .port = kA,
                                    .state = MacEntryState::kStatic})
                    .ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(AddStatic(FdbVerb::kAdd, kB)));
}

}  // namespace
}  // namespace tapswitch::fdb_edit_test
