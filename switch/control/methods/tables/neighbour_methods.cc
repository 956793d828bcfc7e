// Methods about neighbours.

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/config/ip_text.h"
#include "switch/control/methods/event_publisher.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/tables/neighbour_json.h"

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
  const uint64_t flushed = context.control.FlushNeighbours(*query);
  context.publisher.neighbours().ReadNow();
  return ordered_json{{"flushed", flushed}};
}

struct NamedNeighbour {
  IpAddress address;
  VlanId vlan;
  std::optional<PortId> port;
};

// Reads the parameters that name a neighbour. Where VLANs are filtered, it is in the VLAN that is
// given, or else the PVID of the port.
absl::StatusOr<NamedNeighbour> ReadName(const BridgeControl& control, ParamReader& reader) {
  const std::string text = reader.Text("dst");
  const auto dev = reader.MaybeText("dev");
  const auto vlan = reader.MaybeNumber("vlan", kLeastVlan.value, kMostVlan.value);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto address = ParseIpAddress("dst", text);
  if (!address.ok()) return address.status();
  if (!address->is_station()) {
    return absl::InvalidArgumentError(
        fmt::format("dst {}: it is the address of no station: give one of a station", text));
  }
  NamedNeighbour named{.address = *address, .vlan = kNoVlan, .port = std::nullopt};
  if (dev && *dev != control.identity().name) {
    const auto port = control.FindPort(*dev);
    if (!port.ok()) return port.status();
    named.port = *port;
  }
  if (!control.config().bridge.forwarding.vlan_filtering) return named;
  const auto& vlans =
      named.port ? control.config().port(*dev)->settings.vlans : control.config().bridge.vlans;
  named.vlan = vlan ? VlanId{static_cast<uint16_t>(*vlan)} : vlans.pvid;
  return named;
}

MethodResult ReplaceNeighbour(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const MacAddress mac = reader.Address("lladdr");
  const bool is_router = reader.MaybeFlag("router").value_or(false);
  const auto named = ReadName(context.control, reader);
  if (!named.ok()) return named.status();
  if (mac.is_multicast() || mac.is_zero()) {
    return absl::InvalidArgumentError(fmt::format(
        "lladdr {}: it is the address of no station: give one of a station", mac.ToString()));
  }
  absl::Status fixed = context.control.FixNeighbour(
      {.address = named->address, .mac = mac, .vlan = named->vlan, .is_router = is_router});
  if (!fixed.ok()) return fixed;
  context.publisher.neighbours().ReadNow();
  return nullptr;
}

MethodResult DeleteNeighbour(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto named = ReadName(context.control, reader);
  if (!named.ok()) return named.status();
  const uint64_t gone = context.control.FlushNeighbours([&](const Entry& entry) {
    return entry.neighbour.address == named->address && entry.neighbour.vlan == named->vlan;
  });
  context.publisher.neighbours().ReadNow();
  if (gone != 0) return nullptr;
  return absl::NotFoundError(fmt::format("{}: there is no such neighbour: see tapctl neigh show",
                                         IpAddressText(named->address)));
}

constexpr std::array kNeighbourMethods{
    Method{"neigh.replace", MethodKind::kChanges, ReplaceNeighbour},
    Method{"neigh.del", MethodKind::kChanges, DeleteNeighbour},
    Method{"neigh.list", MethodKind::kReads, ListNeighbours},
    Method{"neigh.flush", MethodKind::kChanges, FlushNeighbours},
};

}  // namespace

std::span<const Method> NeighbourMethods() { return kNeighbourMethods; }

}  // namespace tapswitch
