#include "switch/control/methods/tables/neighbour_json.h"

#include "switch/control/config/ip_text.h"

namespace tapswitch {

using nlohmann::ordered_json;

std::string_view StateOf(const BridgeControl::NeighbourEntry& entry, Tick now) {
  if (entry.neighbour.is_contested(now)) return "CONTESTED";
  if (entry.neighbour.fixed) return "PERMANENT";
  return entry.port ? "REACHABLE" : "STALE";
}

ordered_json ShowNeighbour(const BridgeControl& control, const BridgeControl::NeighbourEntry& entry,
                           Tick now) {
  const Neighbour& neighbour = entry.neighbour;
  ordered_json shown{{"dst", IpAddressText(neighbour.address)}};
  if (entry.port) shown["dev"] = control.NameOf(*entry.port);
  shown["lladdr"] = neighbour.mac.ToString();
  if (neighbour.vlan != kNoVlan) shown["vlan"] = neighbour.vlan.value;
  if (neighbour.is_router.value_or(false)) shown["router"] = nullptr;
  if (neighbour.extern_learn) shown["extern_learn"] = nullptr;
  shown["state"] = ordered_json::array({StateOf(entry, now)});
  const uint64_t seen = neighbour.last_seen.centiseconds;
  shown["age"] = now.centiseconds < seen ? 0 : (now.centiseconds - seen) / 100;
  return shown;
}

}  // namespace tapswitch
