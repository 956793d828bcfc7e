// The methods of Methods that concern VLANs.

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/config/vlan_edit.h"
#include "switch/control/methods/method_table.h"

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
  }
  return shown;
}

void ShowCounters(const VlanCounters& counters, ordered_json& vlan) {
  vlan["rx_bytes"] = counters.received.bytes;
  vlan["rx_packets"] = counters.received.frames;
  vlan["tx_bytes"] = counters.sent.bytes;
  vlan["tx_packets"] = counters.sent.frames;
}

// Of one VLAN, or of all.
ordered_json ShowVlans(const BridgeControl& control, PortId port, const PortVlans& all,
                       std::optional<VlanId> only, bool with_counters) {
  PortVlans vlans = all;
  if (only) {
    vlans.members = {};
    if (all.members.contains(*only)) vlans.members.insert(*only);
  }
  auto shown = ordered_json::array();
  if (!with_counters) {
    for (const VlanRange range : RangesOf(vlans)) shown.push_back(ShowRange(range, vlans));
    return shown;
  }
  const auto counters = control.CountersIn(vlans.members, port);
  size_t at = 0;
  vlans.members.ForEach([&](VlanId vlan) {
    ShowCounters(counters[at++], shown.emplace_back(ShowRange({vlan, vlan}, vlans)));
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
      "state {}: it is disabled, listening, learning, forwarding, blocking or 0 to 4", *name));
}

}  // namespace

const PortVlans& Methods::VlansOf(PortId port) const {
  if (port == kBridgePort) return control_.config().bridge.vlans;
  return control_.config().port(control_.NameOf(port))->settings.vlans;
}

absl::Status Methods::ReadVlanSettings(ParamReader& reader, BridgeConfig& wanted) {
  BridgeForwarding& forwarding = wanted.bridge.forwarding;
  if (const auto on = reader.MaybeFlag("vlan_filtering")) forwarding.vlan_filtering = *on;
  if (const auto mask = reader.MaybeNumber("group_fwd_mask", 0, 0xFFFF)) {
    forwarding.group_fwd_mask = static_cast<uint16_t>(*mask);
  }
  if (const auto pvid = reader.MaybeNumber("default_pvid", 0, kMostVlan.value)) {
    const VlanId before = std::exchange(wanted.bridge.default_pvid, {static_cast<uint16_t>(*pvid)});
    ChangeDefaultPvid(before, wanted.bridge.default_pvid, wanted.bridge.vlans);
    for (PortConfig& port : wanted.ports) {
      ChangeDefaultPvid(before, wanted.bridge.default_pvid, port.settings.vlans);
    }
  }
  const auto protocol = reader.MaybeText("vlan_protocol");
  if (!protocol) return absl::OkStatus();
  const auto type = ParseVlanProtocol(*protocol);
  if (!type) {
    return absl::InvalidArgumentError(
        fmt::format("vlan_protocol '{}': it is 802.1Q or 802.1ad", *protocol));
  }
  forwarding.vlan_protocol = *type;
  return absl::OkStatus();
}

Methods::Result Methods::ChangeVlans(const std::string& dev,
                                     const std::function<absl::Status(PortVlans& vlans)>& change) {
  const auto id = FindPortOrBridge(dev);
  if (!id.ok()) return id.status();
  BridgeConfig wanted = control_.config();
  PortVlans& vlans = *id == kBridgePort ? wanted.bridge.vlans : wanted.port(dev)->settings.vlans;
  if (absl::Status made = change(vlans); !made.ok()) return made;
  if (absl::Status changed = control_.Change(wanted); !changed.ok()) return changed;
  if (monitor_.IsWatched("vlan")) {
    monitor_.Publish(
        "vlan", "changed",
        {{"ifname", dev}, {"vlans", ShowVlans(control_, *id, VlansOf(*id), std::nullopt, false)}});
  }
  return nullptr;
}

Methods::Result Methods::AddVlan(const Params& params) {
  ParamReader reader(params);
  const auto vid = reader.MaybeTextOrNumber("vid");
  const std::string dev = reader.Text("dev");
  const bool pvid = reader.MaybeFlag("pvid").value_or(false);
  const bool untagged = reader.MaybeFlag("untagged").value_or(false);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto range = ParseVlanRange(vid.value_or(""));
  if (!range.ok()) return range.status();
  return ChangeVlans(dev,
                     [&](PortVlans& vlans) { return AddVlans(*range, pvid, untagged, vlans); });
}

Methods::Result Methods::DeleteVlan(const Params& params) {
  ParamReader reader(params);
  const auto vid = reader.MaybeTextOrNumber("vid");
  const std::string dev = reader.Text("dev");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto range = ParseVlanRange(vid.value_or(""));
  if (!range.ok()) return range.status();
  return ChangeVlans(dev, [&](PortVlans& vlans) {
    DeleteVlans(*range, vlans);
    return absl::OkStatus();
  });
}

// All of them are checked before one is set.
Methods::Result Methods::SetVlan(const Params& params) {
  ParamReader reader(params);
  const auto vid = reader.MaybeTextOrNumber("vid");
  const std::string dev = reader.Text("dev");
  std::optional<PortState> state;
  const absl::Status state_read = ReadState(reader, state);
  std::array<std::optional<bool>, kVlanFlags.size()> flags;
  for (size_t i = 0; i < flags.size(); ++i) flags[i] = reader.MaybeFlag(kVlanFlags[i].name);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (!state_read.ok()) return state_read;
  const auto range = ParseVlanRange(vid.value_or(""));
  if (!range.ok()) return range.status();
  return ChangeVlans(dev, [&](PortVlans& vlans) -> absl::Status {
    for (uint16_t id = range->first.value; id <= range->last.value; ++id) {
      if (!vlans.members.contains({id})) {
        return absl::FailedPreconditionError(
            fmt::format("vid {}: {} is not a member of it: add it (tapctl vlan add vid {} dev {})",
                        id, dev, id, dev));
      }
      VlanForwarding& exception = ExceptionFor({id}, vlans);
      if (state) exception.state = *state;
      for (size_t i = 0; i < flags.size(); ++i) {
        if (flags[i]) exception.*kVlanFlags[i].field = *flags[i];
      }
    }
    TidyExceptions(vlans);
    return absl::OkStatus();
  });
}

Methods::Result Methods::ListVlans(const Params& params) {
  ParamReader reader(params);
  const auto dev = reader.MaybeText("dev");
  const auto vid = reader.MaybeNumber("vid", kLeastVlan.value, kMostVlan.value);
  const bool with_counters = reader.MaybeFlag("statistics").value_or(false);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  std::optional<PortId> only;
  if (dev) {
    const auto port = FindPortOrBridge(*dev);
    if (!port.ok()) return port.status();
    only = *port;
  }
  const auto vlan =
      vid ? std::optional(VlanId{static_cast<uint16_t>(*vid)}) : std::optional<VlanId>();
  auto list = ordered_json::array();
  const auto show = [&](PortId port) {
    if (only && *only != port) return;
    auto vlans = ShowVlans(control_, port, VlansOf(port), vlan, with_counters);
    if (vlans.empty()) return;
    list.push_back({{"ifname", control_.NameOf(port)}, {"vlans", std::move(vlans)}});
  };
  for (const PortConfig& port : control_.config().ports) {
    const auto id = control_.FindPort(port.spec.name);
    if (id.ok()) show(*id);
  }
  show(kBridgePort);
  return list;
}

}  // namespace tapswitch
