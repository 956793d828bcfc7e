// The bridge, what the kernel forwards for it, and traces.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/rendered_answers.h"

namespace tapswitch::render_bridge_test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(RenderKernelTest, AConversationIsALine) {
  constexpr const char* kKernel = R"([{"kernel_forwarding": "on", "refused": 0,
    "flows": [{"in": "a", "src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02", "out": "b",
               "vlan": 10, "hits": 5}],
    "ports": [{"ifname": "a", "rx": {"bytes": 300, "packets": 5},
               "tx": {"bytes": 0, "packets": 0}}]}])";
  EXPECT_EQ(Render("kernel show", kKernel),
            "kernel_forwarding on\n"
            "in a src 02:00:00:00:00:01 dst 02:00:00:00:00:02 out b vlan 10\n");
  EXPECT_EQ(Render("kernel show", kKernel, {.statistics = true}),
            "kernel_forwarding on\n"
            "in a src 02:00:00:00:00:01 dst 02:00:00:00:00:02 out b vlan 10 hits 5\n"
            "refused 0\n"
            "a: rx bytes 300 packets 5 tx bytes 0 packets 0\n");
  EXPECT_EQ(Render("kernel show", R"([{"kernel_forwarding": "off", "reason": "no", "flows": []}])"),
            "kernel_forwarding off (no)\n");
}

TEST(RenderBridgeTest, SettingsInWords) {
  EXPECT_EQ(Render("bridge show", kBridge),
            "br0: link/ether 02:00:00:00:00:99\n"
            "    bridge ageing_time 30000 fdb_n_learned 2\n"
            "    io io_uring, multishot\n");
  EXPECT_THAT(Render("bridge show", kBridge, {.statistics = true}),
              HasSubstr("\n    counters: fdb_learned 4\n"));
}

TEST(RenderBridgeTest, JsonHasCountersOnlyWithStatistics) {
  EXPECT_THAT(Render("bridge show", kBridge, {.json = true}), Not(HasSubstr("counters")));
  EXPECT_THAT(Render("bridge show", kBridge, {.json = true, .statistics = true}),
              HasSubstr("\"counters\""));
}

TEST(RenderTraceTest, AStageALineThenTheDecision) {
  const std::string line = "trace in vnet1 src 02:00:00:00:00:01 dst 02:00:00:00:00:02";
  const std::string stages =
      R"("in": "vnet1", "stages": [{"stage": "admit", "verdict": "pass", "text": "it may enter"}])";
  EXPECT_EQ(Render(line, "{" + stages + R"(, "decision": "flood", "egress": ["vnet2", "vnet3"]})"),
            "in vnet1\n"
            "  admit    pass     it may enter\n"
            "flood vnet2 vnet3\n");
  EXPECT_EQ(Render(line, "{" + stages + R"(, "decision": "drop", "reason": "same_port",
                          "egress": []})"),
            "in vnet1\n"
            "  admit    pass     it may enter\n"
            "drop same_port\n");
}

}  // namespace
}  // namespace tapswitch::render_bridge_test
