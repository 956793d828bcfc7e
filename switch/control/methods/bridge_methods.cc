// Methods about the bridge as a whole.

#include <array>
#include <limits>
#include <string>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/duration.h"
#include "switch/control/config/multicast_config.h"
#include "switch/control/config/vlan_edit.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/show.h"
#include "switch/control/rpc/monitor.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

absl::Status ReadVlanSettings(ParamReader& reader, BridgeConfig& wanted) {
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
        fmt::format("vlan_protocol '{}': expected 802.1Q or 802.1ad", *protocol));
  }
  forwarding.vlan_protocol = *type;
  return absl::OkStatus();
}

absl::Status ReadTreeSpan(ParamReader& reader, std::string_view name, Ticks least, Ticks most,
                          Ticks& span) {
  const auto text = reader.MaybeTextOrNumber(name);
  if (!text) return absl::OkStatus();
  const auto given = ParseDuration(*text);
  if (given.ok() && *given >= least && *given <= most) {
    span = *given;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format("{} '{:.100}': expected {} to {}", name, *text,
                                                DurationText(least), DurationText(most)));
}

absl::Status ReadTreeSettings(ParamReader& reader, SpanningTreeSettings& tree) {
  if (const auto on = reader.MaybeFlag("stp_state")) tree.is_on = *on;
  if (const auto mode = reader.MaybeText("stp_mode")) {
    if (*mode != "rstp" && *mode != "stp") {
      return absl::InvalidArgumentError(
          fmt::format("stp_mode '{:.100}': expected rstp or stp", *mode));
    }
    tree.mode =
        *mode == "stp" ? SpanningTreeSettings::Mode::kStp : SpanningTreeSettings::Mode::kRstp;
  }
  if (const auto priority = reader.MaybeNumber("priority", 0, 0xFFFF)) {
    tree.priority = static_cast<uint16_t>(*priority);
  }
  if (const auto count = reader.MaybeNumber("tx_hold_count", 1, 10)) {
    tree.tx_hold_count = static_cast<uint16_t>(*count);
  }
  for (const auto& read :
       {ReadTreeSpan(reader, "hello_time", Ticks{100}, Ticks{1000}, tree.hello_time),
        ReadTreeSpan(reader, "max_age", Ticks{600}, Ticks{4000}, tree.max_age),
        ReadTreeSpan(reader, "forward_delay", Ticks{400}, Ticks{3000}, tree.forward_delay)}) {
    if (!read.ok()) return read;
  }
  if (tree.has_consistent_times()) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "max_age {}: it is at least 2 x (hello_time + 1s) and at most 2 x (forward_delay "
      "- 1s), with hello_time {} and forward_delay {}",
      DurationText(tree.max_age), DurationText(tree.hello_time), DurationText(tree.forward_delay)));
}

absl::Status ReadMulticastSettings(const MethodParams& params, ParamReader& reader,
                                   BridgeConfig& wanted) {
  MulticastSettings& settings = wanted.bridge.multicast;
  for (const std::string_view name : MulticastNames()) {
    reader.Allow(name);
    const auto value = params.find(name);
    if (value == params.end()) continue;
    if (absl::Status set = SetMulticast(name, *value, settings); !set.ok()) return set;
  }
  // Snooping by VLAN ends with the filtering of VLANs, as in the kernel's bridge.
  const bool filters = wanted.bridge.forwarding.vlan_filtering;
  if (!filters && !params.contains("mcast_vlan_snooping")) settings.vlan_snooping = false;
  return CheckMulticast(settings, filters);
}

MethodResult ListBridge(const MethodContext& context, const MethodCall& call) {
  if (absl::Status read = ParamReader(call.params).Finish(); !read.ok()) return read;
  return ordered_json::array({ShowBridge(context.control, context.control.Snapshot())});
}

MethodResult SetBridge(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto ageing = reader.MaybeTextOrNumber("ageing_time");
  const auto max_learned =
      reader.MaybeNumber("fdb_max_learned", 0, std::numeric_limits<uint32_t>::max());
  BridgeConfig wanted = context.control.config();
  const absl::Status vlans = ReadVlanSettings(reader, wanted);
  const absl::Status tree = ReadTreeSettings(reader, wanted.bridge.tree);
  const absl::Status multicast = ReadMulticastSettings(call.params, reader, wanted);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (!vlans.ok()) return vlans;
  if (!tree.ok()) return tree;
  if (!multicast.ok()) return multicast;
  if (ageing) {
    const auto span = ParseDuration(*ageing);
    if (!span.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("ageing_time {}", std::string(span.status().message())));
    }
    wanted.bridge.ageing = *span;
  }
  if (max_learned) wanted.bridge.fdb_max_learned = static_cast<uint32_t>(*max_learned);
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) return changed;
  if (context.monitor.IsWatched("bridge")) {
    context.monitor.Publish("bridge", "changed",
                            ShowBridge(context.control, context.control.Snapshot()));
  }
  return nullptr;
}

constexpr std::array kBridgeMethods{
    Method{"bridge.list", MethodKind::kReads, ListBridge},
    Method{"bridge.set", MethodKind::kChanges, SetBridge},
};

}  // namespace

std::span<const Method> BridgeMethods() { return kBridgeMethods; }

}  // namespace tapswitch
