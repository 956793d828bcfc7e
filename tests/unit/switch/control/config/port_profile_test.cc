// Profiles of ports: all that they set, what they leave alone, and how they are saved.

#include "switch/control/config/port_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "switch/control/config/port_settings.h"
#include "switch/control/config/port_words.h"

namespace tapswitch::port_profile_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::array kAll{PortProfile::kNone, PortProfile::kVm, PortProfile::kUplink,
                          PortProfile::kTrunk};

TEST(PortProfileTest, EachSettingIsThatOfTheTable) {
  for (const PortProfile profile : kAll) {
    PortSettings settings;
    ApplyProfile(profile, settings);
    for (const ProfileSetting& one : ExplainProfile(settings)) {
      EXPECT_EQ(one.value, one.of_profile) << NameOf(profile) << " " << one.name;
      EXPECT_FALSE(one.why.empty());
    }
  }
}

TEST(PortProfileTest, NoneIsWhatANewPortHas) {
  PortSettings settings;
  ApplyProfile(PortProfile::kNone, settings);
  EXPECT_EQ(settings, PortSettings());
}

TEST(PortProfileTest, NothingIsLeftOfAnotherProfileAndNothingElseChanges) {
  PortSettings settings;
  settings.isolated = true;
  settings.description = "kept";
  for (const PortProfile from : kAll) {
    for (const PortProfile to : kAll) {
      PortSettings there = settings;
      ApplyProfile(from, there);
      ApplyProfile(to, there);
      PortSettings directly = settings;
      ApplyProfile(to, directly);
      EXPECT_EQ(there, directly) << NameOf(from) << " " << NameOf(to);
      EXPECT_TRUE(there.isolated);
      EXPECT_EQ(there.description, "kept");
    }
  }
}

TEST(PortProfileTest, APortOfAGuestForwardsAtOnceAndIsShutDownByABpdu) {
  PortSettings settings;
  ASSERT_TRUE(SetPortSetting("profile", "vm", settings).ok());
  EXPECT_TRUE(settings.tree.admin_edge);
  EXPECT_TRUE(settings.tree.guard);
  EXPECT_TRUE(settings.tree.root_block);
  EXPECT_GT(settings.fdb_max_learned, 0U);
  EXPECT_GT(settings.storm.rates[0].per_second, 0U);
}

TEST(PortProfileTest, AnUnknownOneIsRefused) {
  PortSettings settings;
  const absl::Status set = SetPortSetting("profile", "guest", settings);
  EXPECT_THAT(std::string(set.message()), HasSubstr("profile \"guest\": expected vm, uplink"));
  EXPECT_EQ(settings, PortSettings());
}

TEST(PortProfileTest, ItComesBeforeOtherSettingsOfARequest) {
  PortSettings settings;
  // In an object of JSON, admin_edge comes first.
  ASSERT_TRUE(
      SetPortWords({{"profile", "vm"}, {"admin_edge", false}, {"max_macs", 4U}}, settings).ok());
  EXPECT_FALSE(settings.tree.admin_edge);
  EXPECT_TRUE(settings.tree.guard);
  EXPECT_EQ(settings.fdb_max_learned, 4U);
}

TEST(PortProfileTest, ItIsSavedAsItsWordAndWhatDiffersFromIt) {
  PortSettings settings;
  ApplyProfile(PortProfile::kVm, settings);
  EXPECT_EQ(PortWordsOf(settings, {}), " profile vm");
  settings.tree.guard = false;
  settings.storm.rates[0] = {};
  EXPECT_EQ(PortWordsOf(settings, {}), " profile vm guard off broadcast off");
  const auto explained = ExplainProfile(settings);
  EXPECT_EQ(std::ranges::count_if(
                explained, [](const ProfileSetting& one) { return one.value != one.of_profile; }),
            2);
}

}  // namespace
}  // namespace tapswitch::port_profile_test
