// What people and scripts read of an answer: the layout of iproute2 where it has the thing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "tools/tapctl/view/render.h"

namespace tapswitch::tapctl_render_test {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;
using testing::Not;

std::string Render(const std::string& line, const std::string& answer,
                   const OutputOptions& options = {}) {
  const auto words = SplitLine(line);
  const auto request = ParseCommand(words.value());
  EXPECT_TRUE(request.ok()) << line;
  return RenderAnswer(*request, Json::parse(answer), options);
}

// ----- entries -----------------------------------------------------------------------------------

constexpr const char* kEntries = R"([
  {"mac": "02:00:00:00:00:01", "ifname": "vnet1", "flags": [], "master": "br0", "state": "",
   "used": 7, "updated": 8},
  {"mac": "02:00:00:00:00:02", "ifname": "vnet2", "vlan": 5, "flags": ["sticky", "extern_learn"],
   "master": "br0", "state": "static", "used": 1, "updated": 2}])";

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

// ----- links -------------------------------------------------------------------------------------

constexpr const char* kLinks = R"([
  {"ifindex": 4, "ifname": "vnet1", "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
   "mtu": 1500, "master": "br0", "state": "forwarding", "priority": 32, "cost": 100,
   "hairpin": false, "learning": true, "mcast_router": 1}])";

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

TEST(RenderLinksTest, ALineEachThatEndsAsThatOfIproute2) {
  EXPECT_EQ(Render("link show", kLinks),
            "4: vnet1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state forwarding "
            "priority 32 cost 100 \n");
}

TEST(RenderLinksTest, DetailsAreASecondLine) {
  EXPECT_EQ(Render("link show", kLinks, {.details = true}),
            "4: vnet1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state forwarding "
            "priority 32 cost 100 \n"
            "    hairpin off learning on mcast_router 1 \n");
}

TEST(RenderLinksTest, JsonHasTheFlagsOnlyWithDetails) {
  Json expected = Json::parse(kLinks);
  EXPECT_EQ(Json::parse(Render("link show", kLinks, {.json = true, .details = true})), expected);
  for (const char* key : {"hairpin", "learning", "mcast_router"}) expected[0].erase(key);
  EXPECT_EQ(Json::parse(Render("link show", kLinks, {.json = true})), expected);
}

// ----- ports -------------------------------------------------------------------------------------

constexpr const char* kPorts = R"([
  {"ifname": "vnet1", "type": "tap", "spec": "vnet1,mtu=9000", "link": "down",
   "reason": "it is down", "state": "disabled", "mtu": 9000, "fdb_n_learned": 3,
   "stats64": {"rx": {"bytes": 123456789012, "packets": 1000, "dropped": 5},
               "tx": {"bytes": 20, "packets": 2, "dropped": 0}}, "learning": {"learned": 0},
   "forwarded": 7, "gro": {"frames": 40, "into": 2}, "drops": {"bad_source": 5, "too_long": 0}}])";

TEST(RenderPortsTest, ALineEachWithTheReason) {
  EXPECT_EQ(Render("port show", kPorts),
            "vnet1: tap link down state disabled mtu 9000 learned 3 (it is down)\n");
}

TEST(RenderPortsTest, TellsWhatMakesAPortGo) {
  EXPECT_EQ(Render("port show", R"([{"ifname": "vnet1", "type": "netdev", "link": "up",
                                     "ephemeral": true, "attached_by": "vnet*"},
                                    {"ifname": "tap0", "type": "netdev", "link": "up",
                                     "ephemeral": true}])"),
            "vnet1: netdev link up state  mtu  learned  attached by vnet*\n"
            "tap0: netdev link up state  mtu  learned  ephemeral\n");
}

TEST(RenderPortsTest, StatisticsAreCountersAndDropsByReason) {
  EXPECT_EQ(Render("port show", kPorts, {.statistics = true, .details = true}),
            "vnet1: tap link down state disabled mtu 9000 learned 3 (it is down)\n"
            "    vnet1,mtu=9000\n"
            "                   bytes        packets      dropped\n"
            "    rx      123456789012           1000            5\n"
            "    tx                20              2            0\n"
            "    gro: frames 40 into 2\n"
            "    drops: bad_source 5\n"
            "    learning: none\n");
}

TEST(RenderPortsTest, WhatTheKernelCarriedIsSaidWhereThereIsAny) {
  Json ports = Json::parse(kPorts);
  ports[0]["kernel"] = {{"rx", 7}, {"tx", 0}};
  EXPECT_THAT(Render("port show", ports.dump(), {.statistics = true}),
              HasSubstr("    kernel: rx 7\n"));
}

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

TEST(RenderPortsTest, JsonHasCountersOnlyWithStatistics) {
  Json expected = Json::parse(kPorts);
  EXPECT_EQ(Json::parse(Render("port show", kPorts, {.json = true, .statistics = true})), expected);
  for (const char* key : {"stats64", "forwarded", "gro", "drops", "learning"})
    expected[0].erase(key);
  EXPECT_EQ(Json::parse(Render("port show", kPorts, {.json = true})), expected);
}

// ----- the bridge, traces, commands --------------------------------------------------------------

constexpr const char* kBridge = R"([
  {"ifname": "br0", "address": "02:00:00:00:00:99", "ageing_time": 30000, "fdb_n_learned": 2,
   "io": "io_uring, multishot", "counters": {"fdb_learned": 4, "fdb_moved": 0}}])";

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

TEST(RenderSaveTest, ACommandALine) {
  EXPECT_EQ(Render("save", R"(["port add vnet1", "link set dev vnet1 isolated on"])"),
            "port add vnet1\nlink set dev vnet1 isolated on\n");
  EXPECT_EQ(Render("save", R"(["port add vnet1"])", {.json = true}), "[\"port add vnet1\"]\n");
}

TEST(RenderChangeTest, WhatWasDoneIsNotWorthAWord) {
  for (const bool json : {false, true}) {
    EXPECT_EQ(Render("port del vnet1", "null", {.json = json}), "");
    EXPECT_EQ(Render("fdb flush", R"({"flushed": 3})", {.json = json}), "");
  }
}

// ----- events ------------------------------------------------------------------------------------

std::string Event(const std::string& event, bool label = false, const OutputOptions& options = {}) {
  return RenderEvent(Json::parse(event), label, options);
}

std::string EntryEvent(const std::string& event, const std::string& more = "") {
  return R"({"timestamp": 1, "object": "fdb", "event": ")" + event +
         R"(", "mac": "02:00:00:00:00:01", "ifname": "vnet1", "flags": [], "master": "br0",
            "state": "")" +
         more + "}";
}

TEST(RenderEventTest, EntriesThatCome) {
  EXPECT_EQ(Event(EntryEvent("learned")), "02:00:00:00:00:01 dev vnet1 master br0 learned\n");
  EXPECT_EQ(Event(EntryEvent("moved", R"(, "from": "vnet2")")),
            "02:00:00:00:00:01 dev vnet1 master br0 moved from vnet2\n");
}

TEST(RenderEventTest, EntriesThatGoAreDeletedOnes) {
  for (const std::string event : {"aged", "flushed", "deleted"}) {
    EXPECT_EQ(Event(EntryEvent(event)),
              "Deleted 02:00:00:00:00:01 dev vnet1 master br0 " + event + "\n");
  }
}

TEST(RenderEventTest, NeighboursInTheFormOfIpMonitor) {
  const auto event = [](const std::string& what, bool label) {
    return Event(R"({"object": "neigh", "event": ")" + what +
                     R"(", "dst": "10.0.0.1", "dev": "vnet1", "lladdr": "02:00:00:00:00:01",
                        "vlan": 7, "router": null, "state": ["REACHABLE"]})",
                 label);
  };
  const std::string line = "10.0.0.1 dev vnet1 lladdr 02:00:00:00:00:01 vlan 7 router REACHABLE\n";
  EXPECT_EQ(event("changed", false), line);
  EXPECT_EQ(event("deleted", true), "[NEIGH]Deleted " + line);
}

TEST(RenderEventTest, ALabelSaysWhatItIsAbout) {
  EXPECT_THAT(Event(EntryEvent("learned"), true), testing::StartsWith("[NEIGH]02:00"));
  EXPECT_EQ(Event(R"({"object": "port", "event": "added", "ifname": "vnet1"})", true),
            "[PORT]vnet1 added\n");
  EXPECT_EQ(Event(R"({"object": "bridge", "event": "changed", "ifname": "br0"})", true),
            "[BRIDGE]br0 changed\n");
  EXPECT_EQ(Event(R"({"object": "config", "event": "changed", "method": "link.set",
                      "params": {"dev": "v", "isolated": true}, "user": 0, "process": 7})",
                  true),
            "[CONFIG]user 0, process 7: link.set {\"dev\":\"v\",\"isolated\":true}\n");
  Json link = Json::parse(kLinks)[0];
  link["object"] = "link";
  link["event"] = "changed";
  EXPECT_THAT(Event(link.dump(), true), testing::StartsWith("[LINK]4: vnet1: <BROADCAST"));
}

TEST(RenderEventTest, AReasonAndWhatWasMissed) {
  EXPECT_EQ(Event(R"({"object": "port", "event": "down", "ifname": "v", "reason": "gone"})"),
            "v down (gone)\n");
  EXPECT_EQ(Event(R"({"object": "monitor", "event": "missed", "count": 12})"),
            "missed 12 events\n");
}

TEST(RenderEventTest, ATimestampComesBefore) {
  setenv("TZ", "UTC", 1);
  tzset();
  const std::string event = R"({"timestamp": 86400.25, "object": "port", "event": "added",
                                "ifname": "v"})";
  EXPECT_EQ(Event(event, false, {.timestamps = true}),
            "Timestamp: Fri Jan  2 00:00:00 1970 250000 usec\nv added\n");
  EXPECT_EQ(Event(event, false, {.json = true}),
            "{\"object\":\"port\",\"event\":\"added\",\"ifname\":\"v\"}\n");
  EXPECT_EQ(Event(event, false, {.json = true, .timestamps = true}),
            "{\"timestamp\":86400.25,\"object\":\"port\",\"event\":\"added\",\"ifname\":\"v\"}\n");
}

// ----- hostile texts -----------------------------------------------------------------------------

TEST(PrintableTest, ControlCharactersBecomeQuestionMarks) {
  EXPECT_EQ(Printable("vnet1"), "vnet1");
  EXPECT_EQ(Printable(std::string_view("a\0b\n\r\t\x1b\x7f", 8)), "a?b?????");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "2J"),
            "??2J");
  EXPECT_EQ(Printable("M\xC3\xBCller \xC2\xA0 \xE2\x82\xAC \xC3\x9B"),
            "M\xC3\xBCller \xC2\xA0 \xE2\x82\xAC \xC3\x9B");
}

// Replaces each text in `value`, and each name of a member, by a hostile one.
Json Poisoned(const Json& value) {
  constexpr const char* kPoison = "x\033[2J\x07\n\x7f\xC2\x9B";
  if (value.is_string()) return kPoison;
  if (!value.is_structured()) return value;
  Json poisoned = value.is_array() ? Json::array() : Json::object();
  for (const auto& [key, member] : value.items()) {
    if (value.is_array()) {
      poisoned.push_back(Poisoned(member));
    } else {
      poisoned[key] = Poisoned(member);
    }
  }
  if (value.is_object()) {
    poisoned[std::string("k") + kPoison] = kPoison;
    poisoned[std::string("n") + kPoison] = 5;
  }
  return poisoned;
}

void ExpectClean(const std::string& text) {
  EXPECT_THAT(text, Not(HasSubstr("\xC2\x9B")));
  for (const char c : text) {
    ASSERT_TRUE(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != '\x7f'))
        << testing::PrintToString(text);
  }
}

TEST(HostileTextTest, NoControlCharacterReachesTheTerminal) {
  struct Case {
    const char* line;
    const char* answer;
    long lines;
  };
  constexpr Case kCases[] = {
      {"fdb show", kEntries, 2},
      {"link show", kLinks, 2},
      {"port show", kPorts, 8},
      {"bridge show", kBridge, 4},
      {"save", R"(["port add v"])", 1},
      {"trace in v src 02:00:00:00:00:01 dst 02:00:00:00:00:02",
       R"({"in": "v", "stages": [{"stage": "a", "verdict": "b", "text": "c"}],
           "decision": "drop", "reason": "r", "egress": ["v"]})",
       3},
  };
  for (const Case& hostile : kCases) {
    const std::string text = Render(hostile.line, Poisoned(Json::parse(hostile.answer)).dump(),
                                    {.statistics = true, .details = true});
    ExpectClean(text);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), hostile.lines) << text;
  }
}

TEST(HostileTextTest, NorDoesOneOfAnEvent) {
  for (const char* object : {"fdb", "link", "port", "bridge", "monitor", "none"}) {
    Json event = Poisoned(Json::parse(EntryEvent("moved", R"(, "from": "a", "reason": "b")")));
    event["object"] = object;
    event["count"] = "\033[2J\n";
    event["timestamp"] = 1;
    const std::string text = RenderEvent(event, true, {});
    ExpectClean(text);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  }
}

}  // namespace
}  // namespace tapswitch::tapctl_render_test
