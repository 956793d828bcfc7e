// Answers of a switch, and how tapctl shows them.

#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tools/tapctl/render/render.h"

namespace tapswitch {

// Returns what tapctl writes when the switch answers to the command `line`.
inline std::string Render(const std::string& line, const std::string& answer,
                          const OutputOptions& options = {}) {
  const auto words = SplitLine(line);
  const auto request = ParseCommand(words.value());
  EXPECT_TRUE(request.ok()) << line;
  return RenderAnswer(*request, nlohmann::ordered_json::parse(answer), options);
}

inline constexpr const char* kEntries = R"([
  {"mac": "02:00:00:00:00:01", "ifname": "vnet1", "flags": [], "master": "br0", "state": "",
   "used": 7, "updated": 8},
  {"mac": "02:00:00:00:00:02", "ifname": "vnet2", "vlan": 5, "flags": ["sticky", "extern_learn"],
   "master": "br0", "state": "static", "used": 1, "updated": 2}])";

inline constexpr const char* kLinks = R"([
  {"ifindex": 4, "ifname": "vnet1", "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
   "mtu": 1500, "master": "br0", "state": "forwarding", "priority": 32, "cost": 100,
   "hairpin": false, "learning": true, "mcast_router": 1}])";

inline constexpr const char* kPorts = R"([
  {"ifname": "vnet1", "type": "tap", "spec": "vnet1,mtu=9000", "link": "down",
   "reason": "it is down", "state": "disabled", "mtu": 9000, "fdb_n_learned": 3,
   "stats64": {"rx": {"bytes": 123456789012, "packets": 1000, "dropped": 5},
               "tx": {"bytes": 20, "packets": 2, "dropped": 0}},
   "forwarded": 7, "gro": {"frames": 40, "into": 2}, "drops": {"bad_source": 5, "too_long": 0},
   "learning": {"learned": 0}}])";

inline constexpr const char* kBridge = R"([
  {"ifname": "br0", "address": "02:00:00:00:00:99", "ageing_time": 30000, "fdb_n_learned": 2,
   "io": "io_uring, multishot", "counters": {"fdb_learned": 4, "fdb_moved": 0}}])";

}  // namespace tapswitch
