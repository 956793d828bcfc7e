// Events of the monitor, in the form of bridge(8) and ip(8).

#include "tools/tapctl/render/render_event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <string>

#include "tests/support/rendered_answers.h"

namespace tapswitch::render_event_test {
namespace {

using Json = nlohmann::ordered_json;

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

}  // namespace
}  // namespace tapswitch::render_event_test
