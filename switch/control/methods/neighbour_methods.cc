// Methods about neighbours.

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "switch/control/apply/bridge_control.h"
#include "switch/control/config/ip_text.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;
using Entry = BridgeControl::NeighbourEntry;

// What is asked for; nothing: anything will do.
struct NeighbourQuery {
  std::optional<PortId> port;
  std::optional<VlanId> vlan;

  bool operator()(const Entry& entry) const {
    return (!port || entry.port == port) && (!vlan || entry.neighbour.vlan == vlan);
  }
};

absl::StatusOr<NeighbourQuery> ReadQuery(const BridgeControl& control, const MethodParams& params) {
  ParamReader reader(params);
  const auto dev = reader.MaybeText("dev");
  const auto vlan = reader.MaybeNumber("vlan", kLeastVlan.value, kMostVlan.value);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  NeighbourQuery query;
  if (vlan) query.vlan = VlanId{static_cast<uint16_t>(*vlan)};
  // The bridge's name stands for the whole of it.
  if (!dev || *dev == control.identity().name) return query;
  const auto port = control.FindPort(*dev);
  if (!port.ok()) return port.status();
  query.port = *port;
  return query;
}

// REACHABLE: questions for it are kept from ports with neigh_suppress. STALE: nobody knows where
// its station is.
std::string_view StateOf(const Entry& entry, Tick now) {
  if (entry.neighbour.is_contested(now)) return "CONTESTED";
  return entry.port ? "REACHABLE" : "STALE";
}

// With the names of `ip -j neigh`.
ordered_json ShowNeighbour(const BridgeControl& control, const Entry& entry, Tick now) {
  const Neighbour& neighbour = entry.neighbour;
  ordered_json shown{{"dst", IpAddressText(neighbour.address)}};
  if (entry.port) shown["dev"] = control.NameOf(*entry.port);
  shown["lladdr"] = neighbour.mac.ToString();
  if (neighbour.vlan != kNoVlan) shown["vlan"] = neighbour.vlan.value;
  if (neighbour.is_router.value_or(false)) shown["router"] = nullptr;
  shown["state"] = ordered_json::array({StateOf(entry, now)});
  const uint64_t seen = neighbour.last_seen.centiseconds;
  shown["age"] = now.centiseconds < seen ? 0 : (now.centiseconds - seen) / 100;
  return shown;
}

MethodResult ListNeighbours(const MethodContext& context, const MethodCall& call) {
  const auto query = ReadQuery(context.control, call.params);
  if (!query.ok()) return query.status();
  auto entries = context.control.Neighbours();
  std::erase_if(entries, [&](const Entry& entry) { return !(*query)(entry); });
  std::ranges::sort(entries, {}, [](const Entry& entry) {
    return std::pair(entry.neighbour.vlan, entry.neighbour.address);
  });
  auto list = ordered_json::array();
  for (const Entry& entry : entries) {
    list.push_back(ShowNeighbour(context.control, entry, context.control.now()));
  }
  return list;
}

MethodResult FlushNeighbours(const MethodContext& context, const MethodCall& call) {
  const auto query = ReadQuery(context.control, call.params);
  if (!query.ok()) return query.status();
  return ordered_json{{"flushed", context.control.FlushNeighbours(*query)}};
}

constexpr std::array kNeighbourMethods{
    Method{"neigh.list", MethodKind::kReads, ListNeighbours},
    Method{"neigh.flush", MethodKind::kChanges, FlushNeighbours},
};

}  // namespace

std::span<const Method> NeighbourMethods() { return kNeighbourMethods; }

}  // namespace tapswitch
