#include "switch/control/methods/files/save_neighbours.h"

#include <algorithm>
#include <map>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/config/ip_text.h"
#include "switch/control/methods/files/save_entries.h"

namespace tapswitch {
namespace {

// The words that name a neighbour, in the order of VLANs and addresses, and those that set it.
using SavedNeighbours = std::map<std::pair<VlanId, IpAddress>, std::pair<std::string, std::string>>;

// Those of VLANs that are not filtered any more, or not yet, have no effect.
SavedNeighbours NeighboursOf(const BridgeControl& control) {
  SavedNeighbours saved;
  const bool filters = control.config().bridge.forwarding.vlan_filtering;
  for (const auto& [neighbour, port] : control.Neighbours()) {
    const bool is_in_use = filters == (neighbour.vlan != kNoVlan);
    if (!neighbour.is_by_user() || !is_in_use) continue;
    std::string name = IpAddressText(neighbour.address);
    if (filters) name += fmt::format(" vlan {}", neighbour.vlan.value);
    std::string words = fmt::format(" lladdr {}", neighbour.mac.ToString());
    if (neighbour.is_router.value_or(false)) words += " router";
    saved.emplace(std::pair(neighbour.vlan, neighbour.address),
                  std::pair(std::move(name), std::move(words)));
  }
  return saved;
}

// Whether a port keeps neighbours all the while that one becomes the other.
bool AreKeptBetween(const BridgeControl& before, const BridgeControl& after) {
  const auto& ports = after.config().ports;
  return std::any_of(ports.begin(), ports.end(), [&](const PortConfig& port) {
    const PortConfig* const earlier = before.config().port(port.spec.name);
    return IsKept(earlier, port) && earlier->settings.neigh_suppress &&
           port.settings.neigh_suppress;
  });
}

}  // namespace

void SaveNeighbours(const BridgeControl& control, std::vector<std::string>& lines) {
  for (const auto& [key, saved] : NeighboursOf(control)) {
    lines.push_back("neigh replace " + saved.first + saved.second);
  }
}

std::vector<std::string> NeighbourCommandsBetween(const BridgeControl& before,
                                                  const BridgeControl& after) {
  std::vector<std::string> lines;
  const SavedNeighbours from =
      AreKeptBetween(before, after) ? NeighboursOf(before) : SavedNeighbours();
  const SavedNeighbours to = NeighboursOf(after);
  for (const auto& [key, saved] : from) {
    if (!to.contains(key)) lines.push_back("neigh del " + saved.first);
  }
  for (const auto& [key, saved] : to) {
    const auto same = from.find(key);
    if (same != from.end() && same->second == saved) continue;
    lines.push_back("neigh replace " + saved.first + saved.second);
  }
  return lines;
}

}  // namespace tapswitch
