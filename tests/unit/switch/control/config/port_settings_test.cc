// The settings of a port: by name, as shown, as saved.

#include "switch/control/config/port_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <sstream>
#include <string>

namespace tapswitch::port_settings_test {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using testing::HasSubstr;

std::string Problem(std::string_view name, const json& value) {
  PortSettings settings;
  const absl::Status set = SetPortSetting(name, value, settings);
  EXPECT_FALSE(set.ok()) << name << value;
  EXPECT_EQ(settings, PortSettings()) << name << value;
  return std::string(set.message());
}

TEST(PortSettingsTest, ShowsTheKeysOfBridge8WithItsDefaults) {
  ordered_json shown;
  ShowPortSettings({}, shown);
  EXPECT_EQ(shown, ordered_json::parse(R"({
    "state": "forwarding", "priority": 32, "cost": 100, "hairpin": false, "guard": false,
    "root_block": false, "fastleave": false, "learning": true, "flood": true, "mcast_flood": true,
    "bcast_flood": true, "mcast_router": 1, "mcast_to_unicast": false, "neigh_suppress": false,
    "vlan_tunnel": false, "isolated": false, "locked": false, "mab": false,
    "mcast_max_groups": 0, "fdb_max_learned": 0, "group_fwd_mask": "0", "loop_detection": true,
    "gro": true,
    "kernel_forwarding": true, "bpdu_filter": false, "loop_guard": false, "admin_edge": false,
    "auto_edge": true, "restricted_tcn": false, "p2p": "auto"})"));
}

TEST(PortSettingsTest, StatesHaveNamesAndNumbers) {
  PortSettings settings;
  EXPECT_TRUE(SetPortSetting("state", "blocking", settings).ok());
  EXPECT_EQ(settings.state, PortState::kBlocking);
  EXPECT_TRUE(SetPortSetting("state", 1U, settings).ok());
  EXPECT_EQ(settings.state, PortState::kListening);
}

TEST(PortSettingsTest, NamesTheBadValue) {
  EXPECT_THAT(Problem("state", 5U), HasSubstr("state 5"));
  EXPECT_THAT(Problem("state", -1), HasSubstr("state -1"));
  EXPECT_THAT(Problem("state", "up"), HasSubstr("state \"up\""));
  EXPECT_THAT(Problem("learning", 1U), HasSubstr("learning 1"));
  EXPECT_THAT(Problem("priority", 64U), HasSubstr("from 0 to 63"));
  EXPECT_THAT(Problem("cost", 0U), HasSubstr("from 1 to 200000000"));
  EXPECT_THAT(Problem("cost", 200000001U), HasSubstr("from 1 to 200000000"));
  EXPECT_THAT(Problem("cost", "high"), HasSubstr("cost \"high\""));
  EXPECT_THAT(Problem("p2p", "shared"), HasSubstr("expected auto, on or off"));
  EXPECT_THAT(Problem("fdb_max_learned", 4294967296U), HasSubstr("4294967296"));
  EXPECT_THAT(Problem("colour", true), HasSubstr("'colour'"));
  EXPECT_THAT(Problem("learning", json("\xff")), HasSubstr("learning"));
}

TEST(PortSettingsTest, WhatIsNotThereCanOnlyBeOff) {
  for (const std::string name : {"vlan_tunnel"}) {
    PortSettings settings;
    EXPECT_TRUE(SetPortSetting(name, false, settings).ok()) << name;
    EXPECT_THAT(Problem(name, true), HasSubstr(name + " on"));
  }
}

TEST(PortSettingsTest, MabNeedsALockedAndLearningPort) {
  EXPECT_TRUE(CheckPortSettings({.locked = true, .mab = true}).ok());
  EXPECT_TRUE(CheckPortSettings({.learning = false, .locked = true}).ok());
  const absl::Status unlocked = CheckPortSettings({.mab = true});
  EXPECT_EQ(unlocked.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(unlocked.message()), HasSubstr("mab on: the port has to be locked"));
  EXPECT_FALSE(CheckPortSettings({.learning = false, .locked = true, .mab = true}).ok());
}

TEST(PortSettingsTest, TheWordsMakeTheSameOfTheDefaults) {
  EXPECT_EQ(PortSettingsAsWords({}), "");
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 1000; ++round) {
    const auto flip = [&] { return random() % 2 == 0; };
    const PortSettings settings{.state = static_cast<PortState>(random() % 5),
                                .learning = flip(),
                                .flood = flip(),
                                .mcast_flood = flip(),
                                .bcast_flood = flip(),
                                .hairpin = flip(),
                                .isolated = flip(),
                                .locked = flip(),
                                .mab = flip(),
                                .tree = {.cost = static_cast<uint32_t>(random() % 3),
                                         .priority = static_cast<uint16_t>(random() % 64),
                                         .guard = flip(),
                                         .root_block = flip(),
                                         .auto_edge = flip(),
                                         .p2p = flip() ? SpanningTreePort::PointToPoint::kOff
                                                       : SpanningTreePort::PointToPoint::kAuto},
                                .fdb_max_learned = static_cast<uint32_t>(random())};
    std::istringstream words(PortSettingsAsWords(settings));
    PortSettings again;
    std::string name;
    std::string value;
    while (words >> name >> value) {
      json typed = value == "on" ? json(true) : value == "off" ? json(false) : json(value);
      if (name == "p2p") typed = value;
      if (value.find_first_not_of("0123456789") == std::string::npos) typed = std::stoull(value);
      ASSERT_TRUE(SetPortSetting(name, typed, again).ok()) << name << ' ' << value;
    }
    ASSERT_EQ(again, settings);
  }
}

}  // namespace
}  // namespace tapswitch::port_settings_test
