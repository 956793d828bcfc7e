// The settings that `port add` and `port set` take.

#include "switch/control/config/port_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "switch/control/config/vlan_edit.h"

namespace tapswitch::port_words_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

PortSettings Fresh() { return {.vlans = OnlyPvid(kDefaultPvid)}; }

PortSettings With(const json& words) {
  PortSettings settings = Fresh();
  const absl::Status set = SetPortWords(words, settings);
  EXPECT_TRUE(set.ok()) << set;
  return settings;
}

std::string ErrorOf(const json& words) {
  PortSettings settings = Fresh();
  const absl::Status set = SetPortWords(words, settings);
  EXPECT_FALSE(set.ok()) << words;
  EXPECT_EQ(settings, Fresh()) << "all or none";
  return std::string(set.message());
}

TEST(PortWordsTest, AreThoseOfAllObjects) {
  const PortSettings settings = With({{"isolated", true},
                                      {"broadcast", "10pps"},
                                      {"max_macs", 3U},
                                      {"moves", "5/10s"},
                                      {"recovery", "60s"},
                                      {"allow", json::array({"02:00:00:00:00:01"})},
                                      {"description", "web VM"}});
  EXPECT_TRUE(settings.isolated);
  EXPECT_EQ(settings.storm.rates[0].per_second, 10U);
  EXPECT_EQ(settings.fdb_max_learned, 3U);
  EXPECT_EQ(settings.security.max_moves, 5U);
  EXPECT_EQ(settings.storm.recovery, Ticks{6000});
  EXPECT_EQ(settings.security.recovery, Ticks{6000});
  EXPECT_EQ(settings.security.allowed->stations().size(), 1U);
  EXPECT_EQ(settings.description, "web VM");
  EXPECT_EQ(settings.vlans, OnlyPvid(kDefaultPvid));
}

TEST(PortWordsTest, VlanNamesAllVlans) {
  const PortSettings settings = With(
      {{"vlan", {{{"vid", "10"}, {"pvid", true}, {"untagged", true}}, {{"vid", "20,30-31"}}}}});
  EXPECT_EQ(settings.vlans.pvid, VlanId{10});
  EXPECT_FALSE(settings.vlans.members.contains(kDefaultPvid));
  for (const VlanId vlan : {VlanId{10}, VlanId{20}, VlanId{30}, VlanId{31}}) {
    EXPECT_TRUE(settings.vlans.members.contains(vlan));
  }
  EXPECT_FALSE(settings.vlans.untagged.contains(VlanId{20}));
  EXPECT_TRUE(With({{"vlan", json::parse(R"([{"vid": "none"}])")}}).vlans.members.empty());
}

TEST(PortWordsTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(ErrorOf({{"isolated", true}, {"paint", 1}}), HasSubstr("'paint' is no setting"));
  EXPECT_THAT(ErrorOf({{"isolated", true}, {"cost", 0U}}), HasSubstr("cost 0"));
  EXPECT_THAT(ErrorOf({{"mab", true}}), HasSubstr("locked"));
  EXPECT_THAT(ErrorOf({{"vlan", "10"}}), HasSubstr("expected an array"));
  EXPECT_THAT(ErrorOf({{"vlan", json::parse(R"([{"vid": "5000"}])")}}), HasSubstr("5000"));
  EXPECT_THAT(ErrorOf({{"vlan", json::parse(R"([{"vid": "10,20", "pvid": true}])")}}),
              HasSubstr("one PVID"));
  EXPECT_THAT(ErrorOf({{"vlan", {{{"vid", "1"}, {"pvid", true}}, {{"vid", "2"}, {"pvid", true}}}}}),
              HasSubstr("one PVID"));
  EXPECT_THAT(ErrorOf({{"vlan", json::parse(R"([{"vid": "1", "paint": true}])")}}),
              HasSubstr("only"));
  EXPECT_THAT(ErrorOf({{"allow", json::array({"x"})}}), HasSubstr("MAC address"));
  EXPECT_THAT(ErrorOf({{"unknown", "x"}}), HasSubstr("unknown"));
}

TEST(PortWordsTest, ADescriptionIsPrintableUtf8) {
  EXPECT_TRUE(CheckDescription("Büro \"3\"; it's 东").ok());
  EXPECT_TRUE(CheckDescription("").ok());
  EXPECT_TRUE(CheckDescription(std::string(255, 'x')).ok());
  EXPECT_FALSE(CheckDescription(std::string(256, 'x')).ok());
  for (const char* bad : {"a\nb", "a\tb", "\x1b[31m", "\xff", "\xc2\x9b"}) {
    EXPECT_FALSE(CheckDescription(bad).ok());
  }
}

TEST(PortWordsTest, AreWrittenAsTheyAreRead) {
  EXPECT_EQ(PortWordsOf(Fresh(), OnlyPvid(kDefaultPvid)), "");
  EXPECT_EQ(PortWordsOf(Fresh(), OnlyPvid(VlanId{7})), " vlan 1 pvid untagged");
  EXPECT_EQ(
      PortWordsOf(With({{"vlan", json::parse(R"([{"vid": "none"}])")}}), OnlyPvid(kDefaultPvid)),
      " vlan none");
  EXPECT_EQ(PortWordsOf(With({{"recovery", "60s"},
                              {"description", "it's"},
                              {"vlan", {{{"vid", "5,7"}, {"untagged", true}}, {{"vid", "9"}}}},
                              {"gro", false},
                              {"allow", json::array({"02:00:00:00:00:01"})}}),
                        OnlyPvid(kDefaultPvid)),
            " description \"it's\" vlan 5,7 untagged vlan 9 gro off recovery 60s allow "
            "02:00:00:00:00:01");
}

}  // namespace
}  // namespace tapswitch::port_words_test
