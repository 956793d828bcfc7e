// Methods about the VLANs of ports and of the bridge itself.

#include <array>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/config/multicast_config.h"
#include "switch/control/config/vlan_edit.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/port_steps.h"
#include "switch/control/rpc/monitor.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

struct VlanFlag {
  std::string_view name;
  bool VlanForwarding::*field;
};

constexpr std::array kVlanFlags{
    VlanFlag{"learning", &VlanForwarding::learning},
    VlanFlag{"flood", &VlanForwarding::flood},
    VlanFlag{"mcast_flood", &VlanForwarding::mcast_flood},
    VlanFlag{"bcast_flood", &VlanForwarding::bcast_flood},
};

ordered_json ShowRange(VlanRange range, const PortVlans& vlans) {
  ordered_json shown{{"vlan", range.first.value}};
  if (range.last != range.first) shown["vlanEnd"] = range.last.value;
  auto flags = ordered_json::array();
  if (range.first == vlans.pvid) flags.push_back("PVID");
  if (vlans.untagged.contains(range.first)) flags.push_back("Egress Untagged");
  if (!flags.empty()) shown["flags"] = std::move(flags);
  for (const VlanForwarding& exception : vlans.exceptions) {
    if (exception.vlan != range.first) continue;
    if (exception.state != PortState::kForwarding) shown["state"] = NameOf(exception.state);
    for (const VlanFlag& flag : kVlanFlags) {
      if (!(exception.*flag.field)) shown[std::string(flag.name)] = false;
    }
    if (exception.mcast_router != 1) shown["mcast_router"] = exception.mcast_router;
    if (exception.mcast_max_groups != 0) shown["mcast_max_groups"] = exception.mcast_max_groups;
  }
  return shown;
}

// How multicasts are treated, of one VLAN; with the entries that it has.
void ShowGroups(const BridgeControl& control, PortId port, VlanId vlan, const PortVlans& vlans,
                ordered_json& shown) {
  VlanForwarding own{.vlan = vlan};
  for (const VlanForwarding& exception : vlans.exceptions) {
    if (exception.vlan == vlan) own = exception;
  }
  shown["mcast_router"] = own.mcast_router;
  shown["mcast_n_groups"] = control.GroupsOf(port, vlan);
  shown["mcast_max_groups"] = own.mcast_max_groups;
}

void ShowCounters(const VlanCounters& counters, ordered_json& vlan) {
  vlan["rx_bytes"] = counters.received.bytes;
  vlan["rx_packets"] = counters.received.frames;
  vlan["tx_bytes"] = counters.sent.bytes;
  vlan["tx_packets"] = counters.sent.frames;
}

// Of one VLAN, or of all.
ordered_json ShowVlans(const BridgeControl& control, PortId port, const PortVlans& all,
                       std::optional<VlanId> only, bool with_counters, bool with_details) {
  PortVlans vlans = all;
  if (only) {
    vlans.members = {};
    if (all.members.contains(*only)) vlans.members.insert(*only);
  }
  auto shown = ordered_json::array();
  if (with_details) {
    vlans.members.ForEach([&](VlanId vlan) {
      ShowGroups(control, port, vlan, all, shown.emplace_back(ShowRange({vlan, vlan}, vlans)));
    });
    if (!with_counters) return shown;
  } else if (!with_counters) {
    for (const VlanRange range : RangesOf(vlans)) shown.push_back(ShowRange(range, vlans));
    return shown;
  }
  const auto counters = control.CountersIn(vlans.members, port);
  size_t at = 0;
  vlans.members.ForEach([&](VlanId vlan) {
    if (!with_details) shown.push_back(ShowRange({vlan, vlan}, vlans));
    ShowCounters(counters[at], shown[at]);
    ++at;
  });
  return shown;
}

absl::Status ReadState(ParamReader& reader, std::optional<PortState>& state) {
  const auto name = reader.MaybeTextOrNumber("state");
  if (!name) return absl::OkStatus();
  for (size_t i = 0; i < kPortStateNames.size(); ++i) {
    if (*name == kPortStateNames[i] || *name == std::to_string(i)) {
      state = static_cast<PortState>(i);
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(fmt::format(
      "state {}: expected disabled, listening, learning, forwarding, blocking or 0 to 4", *name));
}

// Changes the VLANs of the port, or bridge, that `dev` names.
MethodResult ChangeVlans(const MethodContext& context, const std::string& dev,
                         const std::function<absl::Status(PortVlans& vlans)>& change) {
  const auto id = FindPortOrBridge(context.control, dev);
  if (!id.ok()) return id.status();
  BridgeConfig wanted = context.control.config();
  PortVlans& vlans = *id == kBridgePort ? wanted.bridge.vlans : wanted.port(dev)->settings.vlans;
  if (absl::Status made = change(vlans); !made.ok()) return made;
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) return changed;
  PublishVlans(context, dev);
  return nullptr;
}

MethodResult AddVlan(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto vid = reader.MaybeTextOrNumber("vid");
  const std::string dev = reader.Text("dev");
  const bool pvid = reader.MaybeFlag("pvid").value_or(false);
  const bool untagged = reader.MaybeFlag("untagged").value_or(false);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto list = ParseVlanList(vid.value_or(""));
  if (!list.ok()) return list.status();
  return ChangeVlans(context, dev,
                     [&](PortVlans& vlans) { return AddVlanList(*list, pvid, untagged, vlans); });
}

MethodResult DeleteVlan(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto vid = reader.MaybeTextOrNumber("vid");
  const std::string dev = reader.Text("dev");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto list = ParseVlanList(vid.value_or(""));
  if (!list.ok()) return list.status();
  return ChangeVlans(context, dev, [&](PortVlans& vlans) {
    for (const VlanRange range : *list) DeleteVlans(range, vlans);
    return absl::OkStatus();
  });
}

// All of them are checked before one is set.
MethodResult SetVlan(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto vid = reader.MaybeTextOrNumber("vid");
  const std::string dev = reader.Text("dev");
  std::optional<PortState> state;
  const absl::Status state_read = ReadState(reader, state);
  std::array<std::optional<bool>, kVlanFlags.size()> flags;
  for (size_t i = 0; i < flags.size(); ++i) flags[i] = reader.MaybeFlag(kVlanFlags[i].name);
  const auto router = reader.MaybeNumber("mcast_router", 0, 3);
  const auto max_groups =
      reader.MaybeNumber("mcast_max_groups", 0, std::numeric_limits<uint32_t>::max());
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (!state_read.ok()) return state_read;
  const auto list = ParseVlanList(vid.value_or(""));
  if (!list.ok()) return list.status();
  VlanSet ids;
  for (const VlanRange range : *list) {
    for (uint16_t id = range.first.value; id <= range.last.value; ++id) ids.insert({id});
  }
  return ChangeVlans(context, dev, [&](PortVlans& vlans) -> absl::Status {
    const VlanSet strange = ids - vlans.members;
    if (!strange.empty()) {
      const std::string text = RangeText(RangesOf({.members = strange}).front());
      return absl::FailedPreconditionError(fmt::format(
          "vid {0}: {1} is not a member of it: add it (tapctl vlan add vid {0} dev {1})", text,
          dev));
    }
    ids.ForEach([&](VlanId id) {
      VlanForwarding& exception = ExceptionFor(id, vlans);
      if (state) exception.state = *state;
      for (size_t i = 0; i < flags.size(); ++i) {
        if (flags[i]) exception.*kVlanFlags[i].field = *flags[i];
      }
      if (router) exception.mcast_router = static_cast<uint8_t>(*router);
      if (max_groups) exception.mcast_max_groups = static_cast<uint32_t>(*max_groups);
    });
    TidyExceptions(vlans);
    return absl::OkStatus();
  });
}

MethodResult ListVlans(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto dev = reader.MaybeText("dev");
  const auto vid = reader.MaybeNumber("vid", kLeastVlan.value, kMostVlan.value);
  const bool with_counters = reader.MaybeFlag("statistics").value_or(false);
  const bool with_details = reader.MaybeFlag("details").value_or(false);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  std::optional<PortId> only;
  if (dev) {
    const auto port = FindPortOrBridge(context.control, *dev);
    if (!port.ok()) return port.status();
    only = *port;
  }
  const auto vlan =
      vid ? std::optional(VlanId{static_cast<uint16_t>(*vid)}) : std::optional<VlanId>();
  auto list = ordered_json::array();
  const auto show = [&](PortId port) {
    if (only && *only != port) return;
    auto vlans = ShowVlans(context.control, port, VlansOf(context.control, port), vlan,
                           with_counters, with_details);
    if (vlans.empty()) return;
    list.push_back({{"ifname", context.control.NameOf(port)}, {"vlans", std::move(vlans)}});
  };
  for (const PortConfig& port : context.control.config().ports) {
    const auto id = context.control.FindPort(port.spec.name);
    if (id.ok()) show(*id);
  }
  show(kBridgePort);
  return list;
}

MethodResult SetVlanGlobally(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto vid = reader.MaybeTextOrNumber("vid");
  const auto dev = reader.MaybeText("dev");
  for (const std::string_view name : VlanMulticastNames()) reader.Allow(name);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (absl::Status named = CheckBridgeName(context.control, "dev", dev); !named.ok()) return named;
  const auto list = ParseVlanList(vid.value_or(""));
  if (!list.ok()) return list.status();
  BridgeConfig wanted = context.control.config();
  auto& vlans = wanted.bridge.multicast.vlans;
  for (const VlanRange range : *list) {
    for (uint16_t id = range.first.value; id <= range.last.value; ++id) {
      VlanMulticast& settings = vlans[VlanId{id}];
      for (const std::string_view name : VlanMulticastNames()) {
        const auto value = call.params.find(name);
        if (value == call.params.end()) continue;
        if (absl::Status set = SetVlanMulticast(name, *value, settings); !set.ok()) return set;
      }
      if (settings == VlanMulticast()) vlans.erase(VlanId{id});
    }
  }
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) return changed;
  return nullptr;
}

// VLANs that the bridge or a port of it is a member of.
MethodResult ListVlansGlobally(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto vid = reader.MaybeNumber("vid", kLeastVlan.value, kMostVlan.value);
  const auto dev = reader.MaybeText("dev");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (absl::Status named = CheckBridgeName(context.control, "dev", dev); !named.ok()) return named;
  const BridgeConfig& config = context.control.config();
  VlanSet members = config.bridge.vlans.members;
  for (const PortConfig& port : config.ports) members |= port.settings.vlans.members;
  auto vlans = ordered_json::array();
  members.ForEach([&](VlanId vlan) {
    if (vid && vlan.value != *vid) return;
    const auto own = config.bridge.multicast.vlans.find(vlan);
    ordered_json shown{{"vlan", vlan.value}};
    ShowVlanMulticast(own == config.bridge.multicast.vlans.end() ? VlanMulticast() : own->second,
                      shown);
    vlans.push_back(std::move(shown));
  });
  return ordered_json::array(
      {{{"ifname", context.control.identity().name}, {"vlans", std::move(vlans)}}});
}

constexpr std::array kVlanMethods{
    Method{"vlan.add", MethodKind::kChanges, AddVlan},
    Method{"vlan.del", MethodKind::kChanges, DeleteVlan},
    Method{"vlan.set", MethodKind::kChanges, SetVlan},
    Method{"vlan.list", MethodKind::kReads, ListVlans},
    Method{"vlan.global_set", MethodKind::kChanges, SetVlanGlobally},
    Method{"vlan.global_list", MethodKind::kReads, ListVlansGlobally},
};

}  // namespace

void PublishVlans(const MethodContext& context, const std::string& dev) {
  if (!context.monitor.IsWatched("vlan")) return;
  const auto id = FindPortOrBridge(context.control, dev);
  if (!id.ok()) return;
  const PortVlans& vlans = VlansOf(context.control, *id);
  context.monitor.Publish(
      "vlan", "changed",
      {{"ifname", dev},
       {"vlans", ShowVlans(context.control, *id, vlans, std::nullopt, false, false)}});
}

std::span<const Method> VlanMethods() { return kVlanMethods; }

}  // namespace tapswitch
