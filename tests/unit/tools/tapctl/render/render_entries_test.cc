// Entries of the address table, as bridge(8) lays them out.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/rendered_answers.h"

namespace tapswitch::render_entries_test {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;

TEST(RenderEntriesTest, ALineEach) {
  EXPECT_EQ(Render("fdb show", kEntries),
            "02:00:00:00:00:01 dev vnet1 master br0 \n"
            "02:00:00:00:00:02 dev vnet2 vlan 5 sticky extern_learn master br0 static\n");
}

TEST(RenderEntriesTest, TheDeviceIsLeftOutWhereItWasAskedFor) {
  EXPECT_EQ(Render("fdb show dev vnet1", kEntries),
            "02:00:00:00:00:01 master br0 \n"
            "02:00:00:00:00:02 vlan 5 sticky extern_learn master br0 static\n");
  EXPECT_THAT(Render("fdb get 02:00:00:00:00:01 dev vnet1", kEntries), HasSubstr("dev vnet1"));
}

TEST(RenderEntriesTest, StatisticsAreAges) {
  EXPECT_EQ(Render("fdb show", kEntries, {.statistics = true}),
            "02:00:00:00:00:01 dev vnet1 used 7/8 master br0 \n"
            "02:00:00:00:00:02 dev vnet2 vlan 5 used 1/2 sticky extern_learn master br0 static\n");
}

TEST(RenderEntriesTest, JsonHasAgesOnlyWithStatistics) {
  Json expected = Json::parse(kEntries);
  EXPECT_EQ(Json::parse(Render("fdb show", kEntries, {.json = true, .statistics = true})),
            expected);
  for (Json& entry : expected) {
    entry.erase("used");
    entry.erase("updated");
  }
  EXPECT_EQ(Json::parse(Render("fdb show", kEntries, {.json = true})), expected);
}

TEST(RenderEntriesTest, JsonLeavesTheDeviceOutWhereItWasAskedFor) {
  for (const Json& entry : Json::parse(Render("fdb show dev vnet1", kEntries, {.json = true}))) {
    EXPECT_FALSE(entry.contains("ifname"));
    EXPECT_TRUE(entry.contains("mac"));
  }
}

TEST(RenderEntriesTest, JsonIsOneLineUnlessItIsToBePretty) {
  EXPECT_EQ(Render("fdb show", R"([{"mac": "x"}])", {.json = true}), "[{\"mac\":\"x\"}]\n");
  EXPECT_EQ(Render("fdb show", R"([{"mac": "x"}])", {.json = true, .pretty = true}),
            "[ {\n        \"mac\": \"x\"\n    } ]\n");
  EXPECT_EQ(Render("fdb show", "[]", {.json = true}), "[]\n");
  EXPECT_EQ(Render("fdb show", "[]"), "");
}

}  // namespace
}  // namespace tapswitch::render_entries_test
