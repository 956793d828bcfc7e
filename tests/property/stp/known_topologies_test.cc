// Networks whose trees are known: figures of IEEE 802.1D-1998 and 802.1D-2004, and situations that
// interoperability tests of spanning trees try.

#include <gtest/gtest.h>

#include <string>

#include "tests/support/tree_scenario.h"

namespace tapswitch::known_topologies_test {
namespace {

struct Known {
  std::string name;
  std::string text;
};

// The two modes agree on roles, so each is tried in both.
const Known kBoth[] = {
    {"ABridgeAlone", "bridge a 111 0 0\nrun 60\nexpect a D D\n"},
    {"ABridgeWithoutPorts", "bridge a 123\nrun 1\nexpect a\n"},
    {"ALinkFails",
     "bridge a 111 x y\nbridge b 222 x z\nbridge c 333 y z\nrun 60\n"
     "expect a D D\nexpect b R/20000 D\nexpect c R/20000 A\n"
     "move c 1 -\nmove a 2 -\nrun 60\nexpect b R/20000 D\nexpect c - R/40000\n"},
    {"TwoLinksFail",
     "bridge a 111 x y\nbridge b 222 x z u\nbridge c 333 y z v\nbridge d 444 u w\nbridge e 555 v "
     "w\n"
     "run 60\nexpect b R D D\nexpect c R A D\nexpect d R/40000 D\nexpect e R/40000 A\n"
     "move c 1 -\nrun 60\nexpect c - R/40000 D\nexpect d R/40000 D\nexpect e R/60000 A\n"
     "move e 1 -\nrun 60\nexpect e - R/60000\ncost e 2 10000\nrun 60\nexpect e - R/50000\n"
     "priority e 28672\nrun 60\nexpect e - D\nexpect a R *\n"},
    {"Figure17_4And17_5",
     "bridge 0 111 a b e c\nbridge 1 222 a b d f\nbridge 2 333 c d l j h g\n"
     "bridge 3 444 e f n m k i\nbridge 4 555 g i 0 0\nbridge 5 666 h k 0 0\n"
     "bridge 6 777 j m 0 0\nbridge 7 888 l n 0 0\nrun 90\n"
     "expect 0 D D D D\nexpect 1 R A D D\nexpect 2 R A D D D D\nexpect 3 R A D D D D\n"
     "expect 4 R A D D\nexpect 5 R A D D\nexpect 6 R A D D\nexpect 7 R/40000 A D D\n"
     "move 7 3 o\nmove 7 4 o\nrun 90\nexpect 7 R/40000 A D B\nexpect 6 R A D D\n"},
    {"Figure17_6",
     "bridge 0 111 a b l\nbridge 1 222 b c d\nbridge 2 333 d e f\nbridge 3 444 f g h\n"
     "bridge 4 555 j h i\nbridge 5 666 l j k\nrun 90\nexpect 0 D D D\nexpect 1 R D D\n"
     "expect 2 R/40000 D D\nexpect 3 R/60000 D A\nexpect 4 R/40000 D D\nexpect 5 R D D\n"},
    {"Figure17_7",
     "bridge 0 010 b\nbridge 1 111 a b d f h g e c\nbridge 2 222 g h j l n m k i\nrun 90\n"
     "expect 0 D\nexpect 1 D R D D D D D D\nexpect 2 A R/40000 D D D D D D\n"
     "portpriority 1 6 28\nrun 90\nexpect 2 R/40000 A D D D D D D\n"},
    {"Figure8_2Of1998",
     "bridge 42 42 a b\nbridge 97 97 c/5 a/10 d/5\nbridge 45 45 b e\n"
     "bridge 57 57 b/5 e/5\nbridge 83 83 a/5 e/5\nrun 90\nexpect 42 D D\nexpect 97 D R/10 D\n"
     "expect 45 R A\nexpect 57 R/5 D\nexpect 83 R/5 A\n"},
    {"ThreeLinksBetweenTwo",
     "bridge a 111 x y z\nbridge b 222 x y z\nrun 60\nexpect b R A A\nmove b 1 u\nrun 60\n"
     "expect b D R A\nmove b 1 -\nrun 60\nexpect b - R A\nmove b 2 -\nrun 60\nexpect b - - R\n"},
    {"TwoPortsOnOneLan",
     "bridge a 111 x x\nbridge b 222 x x\nrun 90\nexpect a D B\nexpect b R A\n"},
    {"APathWhosePortIsWorse",
     "bridge a 111 x y\nbridge b 222 x y\nrun 60\nexpect b R A\nportpriority a 1 36\nrun 60\n"
     "expect b A R\n"},
    {"FourBridgesInAFullMesh",
     "bridge a 111 x y z\nbridge b 222 y u v\nbridge c 333 x u w\nbridge d 444 z v w\nrun 60\n"
     "expect a D D D\nexpect b R D D\nexpect c R A D\nexpect d R A A\n"},
    {"TheRootMovesAbout",
     "bridge 0 111 a b d c\nbridge 1 222 a b f e\nbridge 2 333 c d g h\nbridge 3 444 e f g h\n"
     "run 90\nexpect 0 D D D D\nexpect 1 R A D D\nexpect 2 A R D D\nexpect 3 A R/40000 A A\n"
     "priority 1 28672\nrun 90\nexpect 0 R A D D\nexpect 1 D D D D\nexpect 2 A R A A\n"
     "expect 3 A R D D\npriority 2 24576\nrun 90\nexpect 0 D D A R\nexpect 1 R/40000 A A A\n"
     "expect 2 D D D D\nexpect 3 D D R A\npriority 3 20480\nrun 90\nexpect 0 A A A R/40000\n"
     "expect 1 D D A R\nexpect 2 D D R A\nexpect 3 D D D D\n"},
    {"EqualPrioritiesAreDecidedByAddresses",
     "bridge a 111 x\nbridge b 222 x\nrun 60\nexpect a D\nexpect b R/20000\n"},
    {"PrioritiesComeBeforeAddresses",
     "bridge a 333 x\npriority a 24576\nbridge b 222 y\npriority b 28672\nbridge c 111 x y\n"
     "run 60\nexpect a D\nexpect b R/40000\nexpect c R/20000 D\n"},
    {"TheRootDiesSilently",
     "bridge a 111 x y\nbridge b 222 x z\nbridge c 333 y z\nrun 60\nkill a\nrun 90\n"
     "expect b D D\nexpect c D R\n"},
};

TEST(KnownTopologiesTest, HaveTheirTreesInRstp) {
  for (const Known& known : kBoth) {
    EXPECT_EQ(TreeScenario().Run("mode rstp\n" + known.text), "") << known.name;
  }
}

TEST(KnownTopologiesTest, HaveTheirTreesInStp) {
  for (const Known& known : kBoth) {
    EXPECT_EQ(TreeScenario().Run("mode stp\n" + known.text), "") << known.name;
  }
}

TEST(KnownTopologiesTest, AnAlternateTakesOverInOneRoundTrip) {
  TreeScenario scenario;
  ASSERT_EQ(scenario.Run("bridge a 111 x y\nbridge b 222 x z\nbridge c 333 y w\nbridge d 444 z w\n"
                         "run 60\nexpect d R A\n"),
            "");
  ASSERT_EQ(scenario.Run("move b 2 -\nmove d 1 -\n"), "");
  scenario.network().RunUntil(scenario.network().now() + Ticks{2});
  EXPECT_EQ(scenario.Run("expect d - R\nexpect c R D\n"), "");
}

TEST(KnownTopologiesTest, StpAndRstpBridgesFormOneTree) {
  EXPECT_EQ(
      TreeScenario().Run("bridge a 111 x y\nmode stp\nbridge b 222 x z\nmode rstp\n"
                         "bridge c 333 y z\nrun 90\nexpect a D D\nexpect b R D\nexpect c R A\n"
                         "kill a\nrun 120\nexpect b D D\nexpect c D R\n"),
      "");
}

}  // namespace
}  // namespace tapswitch::known_topologies_test
