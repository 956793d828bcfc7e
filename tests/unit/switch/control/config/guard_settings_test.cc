// Settings of guards: as texts, as shown, as saved.

#include "switch/control/config/guard_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <sstream>
#include <string>

namespace tapswitch::guard_settings_test {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

TEST(GuardSettingsTest, RatesAreFramesOrBits) {
  const auto rate = [](std::string_view text) { return ParseRate(text).value(); };
  EXPECT_EQ(rate("1pps"), (StormControl::Rate{.per_second = 1}));
  EXPECT_EQ(rate("5kpps"), (StormControl::Rate{.per_second = 5000}));
  EXPECT_EQ(rate("10mbit"), (StormControl::Rate{.per_second = 10'000'000, .in_bits = true}));
  EXPECT_EQ(rate("8bit"), (StormControl::Rate{.per_second = 8, .in_bits = true}));
  EXPECT_EQ(rate("off"), StormControl::Rate{});
  EXPECT_EQ(rate("1Mbit"), rate("1000kbit"));
  EXPECT_EQ(rate("1.5kpps"), rate("1500PPS"));
  for (const std::string text :
       {"", "10", "pps", "0pps", "-1pps", "10bps", "10 mbit", "10mbits", "0.1pps", "1.2.3pps",
        "1e3pps", "1001gbit", "99999999999999999999pps", "on"}) {
    EXPECT_THAT(std::string(ParseRate(text).status().message()), HasSubstr("'" + text + "'"));
  }
}

TEST(GuardSettingsTest, RatesAreShownAsTheyAreSet) {
  for (const std::string text :
       {"off", "1pps", "1000pps", "10mbit", "1500kbit", "999bit", "1000gbit"}) {
    EXPECT_EQ(RateText(ParseRate(text).value()), text);
  }
}

TEST(GuardSettingsTest, AllowedStationsHaveAnyAddresses) {
  const auto text = [](std::string_view given) {
    return AllowedStationText(ParseAllowedStation(given).value());
  };
  EXPECT_EQ(text("02-00-00-00-00-0A"), "02:00:00:00:00:0a");
  EXPECT_EQ(text("02:00:00:00:00:01,10.0.0.9,fd00:0::1,10.0.0.1,10.0.0.9"),
            "02:00:00:00:00:01,10.0.0.1,10.0.0.9,fd00::1");
  for (const std::string bad :
       {"", "vnet0", "01:00:5e:00:00:01", "00:00:00:00:00:00", "02:00:00:00:00:01,",
        "02:00:00:00:00:01,10.0.0", "02:00:00:00:00:01,0.0.0.0", "02:00:00:00:00:01,224.0.0.1",
        "02:00:00:00:00:01,::", "02:00:00:00:00:01,ff02::1", "02:00:00:00:00:01,10.0.0.0/24"}) {
    EXPECT_EQ(ParseAllowedStation(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(GuardSettingsTest, AListHasEachStationOnceInOrderAndIsBounded) {
  const auto station = [](uint64_t n) {
    return AllowedStation{MacAddress::FromNumber(0x020000000000 + n), {}, {}};
  };
  AllowListPointer list;
  for (uint64_t n = 256; n > 0; --n) list = WithStation(list, station(n)).value();
  AllowedStation again = station(7);
  again.ipv4 = {0x0A000001};
  list = WithStation(list, again).value();
  ASSERT_EQ(list->stations().size(), 256U);
  EXPECT_EQ(list->stations()[6], again);
  EXPECT_EQ(WithStation(list, station(300)).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(WithoutStation(list, station(300).address).status().code(),
            absl::StatusCode::kNotFound);
  for (uint64_t n = 1; n <= 256; ++n) list = WithoutStation(list, station(n).address).value();
  EXPECT_EQ(list, nullptr);
}

std::string StormProblem(std::string_view name, const nlohmann::json& value) {
  StormControl storm;
  const absl::Status set = SetStormSetting(name, value, storm);
  EXPECT_FALSE(set.ok()) << name << value;
  EXPECT_EQ(storm, StormControl()) << name << value;
  return std::string(set.message());
}

std::string SecurityProblem(std::string_view name, const nlohmann::json& value) {
  PortSettings settings;
  const absl::Status set = SetSecuritySetting(name, value, settings);
  EXPECT_FALSE(set.ok()) << name << value;
  EXPECT_EQ(settings, PortSettings()) << name << value;
  return std::string(set.message());
}

TEST(GuardSettingsTest, BadValuesAreNamedWithTheCure) {
  EXPECT_THAT(StormProblem("broadcast", "fast"),
              HasSubstr("broadcast 'fast': expected frames or bits"));
  EXPECT_THAT(StormProblem("unknown", 10U), HasSubstr("unknown '10': expected a text"));
  EXPECT_THAT(StormProblem("burst", "4ms"), HasSubstr("burst '4ms': expected 0.01s to 60s"));
  EXPECT_THAT(StormProblem("burst", "61s"), HasSubstr("0.01s to 60s"));
  EXPECT_THAT(StormProblem("action", "explode"), HasSubstr("expected drop or shutdown"));
  EXPECT_THAT(StormProblem("recovery", "soon"),
              HasSubstr("recovery 'soon': expected a number and a unit"));
  EXPECT_THAT(StormProblem("colour", "red"), HasSubstr("'colour' is no setting of storm"));
  EXPECT_THAT(SecurityProblem("violation", "kill"),
              HasSubstr("expected none, drop, shutdown or replace"));
  for (const char* moves : {"5", "0/1s", "/1s", "5/", "5/0s", "x/1s", "10001/1s", "5/1"}) {
    EXPECT_THAT(SecurityProblem("moves", moves), HasSubstr("moves"));
  }
  EXPECT_THAT(SecurityProblem("max_macs", "3"), HasSubstr("3"));
}

TEST(GuardSettingsTest, NumbersAreShownInBaseUnits) {
  StormControl storm;
  storm.rates[0] = {.per_second = 10'000, .in_bits = true};
  ordered_json shown;
  ShowStormSettings(storm, shown);
  EXPECT_EQ(shown["broadcast"], 10'000);
  EXPECT_EQ(shown["broadcast_unit"], "bit");
  EXPECT_EQ(shown["multicast"], nullptr);
  EXPECT_EQ(shown["burst"], 0.1);
  EXPECT_EQ(shown["recovery"], 300.0);
  PortSettings settings;
  ShowSecuritySettings(settings, shown);
  EXPECT_EQ(shown["moves"], nullptr);
  settings.security.max_moves = 5;
  ShowSecuritySettings(settings, shown);
  EXPECT_EQ(shown["moves"], 5);
  EXPECT_TRUE(shown["moves_within"].is_number());
}

TEST(GuardSettingsTest, TheDefaultsNeedNoWords) {
  EXPECT_EQ(StormSettingsAsWords({}), "");
  EXPECT_EQ(SecuritySettingsAsWords({}), "");
  EXPECT_EQ(SecuritySettingsAsWords({.fdb_max_learned = 9}), "") << "link.set says it";
}

TEST(GuardSettingsTest, TheWordsMakeTheSameOfTheDefaults) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](uint64_t bound) { return static_cast<uint32_t>(random() % bound); };
  for (int round = 0; round < 1000; ++round) {
    PortSettings settings;
    for (StormControl::Rate& rate : settings.storm.rates) {
      if (below(2) == 0) rate = {.per_second = 1 + below(100'000), .in_bits = below(2) == 0};
    }
    settings.storm.burst = {1 + below(6000)};
    settings.storm.shuts_down = below(2) == 0;
    settings.storm.recovery = {below(100'000)};
    settings.security = {.at_limit = static_cast<LimitAction>(below(4)),
                         .max_moves = 1 + below(10'000),
                         .moves_within = {10 + below(359'990)},
                         .on_moves = static_cast<MoveAction>(below(3)),
                         .recovery = {below(100'000)}};
    PortSettings again;
    std::string name;
    std::string value;
    std::istringstream storm(StormSettingsAsWords(settings.storm));
    while (storm >> name >> value) {
      ASSERT_TRUE(SetStormSetting(name, value, again.storm).ok()) << name << ' ' << value;
    }
    std::istringstream security(SecuritySettingsAsWords(settings));
    while (security >> name >> value) {
      ASSERT_TRUE(SetSecuritySetting(name, value, again).ok()) << name << ' ' << value;
    }
    ASSERT_EQ(again, settings);
  }
}

}  // namespace
}  // namespace tapswitch::guard_settings_test
