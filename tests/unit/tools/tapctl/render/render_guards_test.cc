// The guards of ports, in the words that set them.

#include <gtest/gtest.h>

#include <string>

#include "tests/support/rendered_answers.h"

namespace tapswitch::render_guards_test {
namespace {

TEST(RenderGuardsTest, HasTheWordsThatSetWhatIsNotTheDefault) {
  EXPECT_EQ(Render("storm show", R"([{"ifname": "vnet1", "broadcast": 100,
                "broadcast_unit": "pps", "multicast": null, "unknown": 1500000,
                "unknown_unit": "bit", "burst": 0.1, "action": "shutdown", "recovery": 300.0,
                "dropped": {"broadcast": 7, "multicast": 0},
                "shut_down": "storm", "recovers_in": 12.5}])"),
            "vnet1: broadcast 100pps unknown 1500kbit action shutdown (shut down: storm, for "
            "12.50s more)\n    dropped: broadcast 7\n");
  EXPECT_EQ(Render("security show", R"([{"ifname": "vnet1", "max_macs": 3, "violation": "none",
                "moves": 5, "moves_within": 10.0, "move_action": "log", "recovery": 60.0,
                "allow": ["02:00:00:00:00:01,10.0.0.1"], "dropped": {"spoofed": 0}}])"),
            "vnet1: max_macs 3 moves 5/10s recovery 60s\n    allow 02:00:00:00:00:01,10.0.0.1\n");
}

TEST(RenderGuardsTest, ThereIsNothingToSayOfDefaults) {
  const std::string port = R"([{"ifname": "vnet1", "broadcast": null, "multicast": null,
      "unknown": null, "burst": 0.1, "action": "drop", "recovery": 300.0,
      "dropped": {"broadcast": 0}}])";
  EXPECT_EQ(Render("storm show", port), "");
  EXPECT_EQ(Render("storm show dev vnet1", port), "vnet1: nothing is set\n");
}

}  // namespace
}  // namespace tapswitch::render_guards_test
