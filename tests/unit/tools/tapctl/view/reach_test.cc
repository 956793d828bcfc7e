// What `reach` prints, and what is otherwise than before.

#include "tools/tapctl/view/reach.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tapswitch::reach_test {
namespace {

using Json = nlohmann::ordered_json;

Json Pair(const char* from, const char* to, const Json& members = Json::object()) {
  Json pair{{"from", from}, {"to", to}, {"reaches", true}};
  pair.update(members);
  return pair;
}

Json No(const char* from, const char* to, const char* reason) {
  return Pair(from, to, {{"reaches", false}, {"reason", reason}});
}

TEST(ReachTest, AMatrixHasRowsOfSendersAndReasonsBelow) {
  EXPECT_EQ(RenderReach({Pair("a", "b"), No("a", "c", "both are isolated"), Pair("b", "a"),
                         Pair("b", "c", {{"limits", {"c has flood off"}}}),
                         No("c", "a", "both are isolated"), Pair("c", "b")}),
            "     from   1   2   3\n"
            "   1 a      -   +   .\n"
            "   2 b      +   -   o\n"
            "   3 c      .   +   -\n"
            "\n"
            "a <-> c  no: both are isolated\n"
            "b -> c  yes (c has flood off)\n");
}

TEST(ReachTest, OnlyWhatIsOtherwiseIsADifference) {
  const Json before{Pair("a", "b"), Pair("b", "a"), Pair("a", "old")};
  const Json now{Pair("a", "b", {{"vlans", {{{"vlan", 5}, {"vlanEnd", 7}}}}}), Pair("b", "a"),
                 No("a", "new", "new is down: interface is down")};
  EXPECT_EQ(RenderReachDifference(before, now),
            "- a -> b  yes\n"
            "+ a -> b  yes vlan 5-7\n"
            "+ a -> new  no: new is down: interface is down\n"
            "- a -> old  yes\n");
  EXPECT_EQ(RenderReachDifference(now, now), "");
}

TEST(ReachTest, NoFileOfThatKindIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(ReadReach("/nonexistent").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadReach("/dev/null").status()));
}

}  // namespace
}  // namespace tapswitch::reach_test
