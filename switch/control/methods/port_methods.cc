// Methods that add, remove, show and recover ports.

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ports/port_types.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/attach/attacher.h"
#include "switch/control/commands/reserved_names.h"
#include "switch/control/config/port_words.h"
#include "switch/control/methods/event_publisher.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/port_steps.h"
#include "switch/control/methods/show.h"
#include "switch/control/rpc/monitor.h"

namespace tapswitch {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// A port that cannot carry frames again by itself: its device is gone.
bool IsDead(const PortConfig& config, const PortSnapshot* port) {
  if (port == nullptr) return true;
  // A socket may be connected to again.
  const bool has_interface = InterfaceOriginOf(config.spec) != InterfaceOrigin::kNone;
  return has_interface && !port->status.link_up && port->status.ifindex == 0;
}

ordered_json NameOnly(std::string_view name) { return {{"ifname", name}}; }

// Null when there is nothing to say, else {"warnings": [...]}.
MethodResult Added(BridgeControl& control) {
  std::vector<std::string> warnings = control.TakeWarnings();
  if (warnings.empty()) return nullptr;
  ordered_json answer;
  answer["warnings"] = std::move(warnings);
  return answer;
}

// Finds the port of that name, or makes one with the settings of a new one. A port that is there
// with the same text stays as it is.
absl::StatusOr<PortConfig*> AddTo(const BridgeControl& control, BridgeConfig& wanted,
                                  const PortSpec& spec) {
  PortConfig* const port = wanted.port(spec.name);
  if (port == nullptr) return &wanted.ports.emplace_back(NewPort(spec, wanted.bridge));
  const SwitchSnapshot snapshot = control.Snapshot();
  if (IsDead(*port, FindPortSnapshot(snapshot, spec.name))) {
    port->spec = spec;
    ++port->opened;
    port->ephemeral = false;
    port->attached_by.clear();
    return port;
  }
  if (port->spec == spec && !port->ephemeral) return port;
  return absl::AlreadyExistsError(
      fmt::format("port {0}: it is there already, as {1}{2}: remove it first (tapctl port del {0})",
                  spec.name, SpecText(port->spec), port->ephemeral ? " ephemeral" : ""));
}

MethodResult AddLasting(const MethodContext& context, const PortSpec& spec, const json& settings) {
  const auto ports = ExpandPort(spec);
  if (!ports.ok()) return ports.status();
  const BridgeConfig before = context.control.config();
  BridgeConfig wanted = before;
  for (const PortSpec& one : *ports) {
    const auto port = AddTo(context.control, wanted, one);
    if (!port.ok()) return port.status();
    if (absl::Status set = SetPortWords(settings, (*port)->settings); !set.ok()) return set;
  }
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) {
    // All or none; a single one that cannot be opened again is to stay known.
    if (ports->size() > 1) static_cast<void>(context.control.Change(before));
    return changed;
  }
  for (const PortSpec& one : *ports) {
    const PortConfig* const old = before.port(one.name);
    const bool is_new = old == nullptr || old->opened != wanted.port(one.name)->opened;
    if (is_new) context.monitor.Publish("port", "added", NameOnly(one.name));
    if (old != nullptr) PublishSettings(context, *old);
  }
  return Added(context.control);
}

// Returns the members of `params` that are settings, not one of `others`.
json SettingsIn(const MethodParams& params, std::span<const std::string_view> others) {
  json settings = json::object();
  for (const auto& [name, value] : params.items()) {
    const bool is_other = std::find(others.begin(), others.end(), name) != others.end();
    if (!is_other) settings[name] = value;
  }
  return settings;
}

MethodResult AddPort(const MethodContext& context, const MethodCall& call) {
  constexpr std::array<std::string_view, 4> kOwn{"port", "ephemeral", "ifindex", "netns"};
  const json settings = SettingsIn(call.params, kOwn);
  ParamReader reader(call.params);
  const std::string text = reader.Text("port");
  const bool ephemeral = reader.MaybeFlag("ephemeral").value_or(false);
  const auto ifindex = reader.MaybeNumber("ifindex", 1, std::numeric_limits<int>::max());
  const auto netns = reader.MaybeNumber("netns", 1, std::numeric_limits<uint64_t>::max());
  for (const auto& [name, value] : settings.items()) reader.Allow(name);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto spec = ParsePortSpec(text);
  if (!spec.ok()) return spec.status();
  if (absl::Status named = CheckPortName(spec->name); !named.ok()) return named;
  static_cast<void>(context.control.TakeWarnings());  // of ports that came by themselves
  if (ephemeral) {
    Attacher::Whereabouts whereabouts;
    if (ifindex) whereabouts.ifindex = static_cast<int>(*ifindex);
    if (netns) whereabouts.netns = NetnsId{*netns};
    const auto set = [&](PortSettings& own) { return SetPortWords(settings, own); };
    const PortConfig* const present = context.control.config().port(spec->name);
    const auto before = present == nullptr ? std::optional<PortConfig>() : *present;
    absl::Status added = context.attacher.Add(*spec, whereabouts, set);
    if (!added.ok()) return added;
    if (before) PublishSettings(context, *before);
    return Added(context.control);
  }
  if (ifindex || netns) {
    return absl::InvalidArgumentError("ifindex and netns go with ephemeral: leave them out");
  }
  return AddLasting(context, *spec, settings);
}

MethodResult SetPort(const MethodContext& context, const MethodCall& call) {
  constexpr std::array<std::string_view, 1> kOwn{"name"};
  const auto given = call.params.find("name");
  if (given == call.params.end() || !given->is_string()) {
    return absl::InvalidArgumentError("'name' is missing: name a port");
  }
  const auto& name = given->get_ref<const std::string&>();
  BridgeConfig wanted = context.control.config();
  PortConfig* const port = wanted.port(name);
  if (port == nullptr) return context.control.FindPort(name).status();
  const PortConfig before = *port;
  absl::Status set = SetPortWords(SettingsIn(call.params, kOwn), port->settings);
  if (!set.ok()) return set;
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) return changed;
  PublishSettings(context, before);
  return nullptr;
}

MethodResult DeletePort(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const std::string name = reader.Text("name");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  BridgeConfig wanted = context.control.config();
  if (wanted.port(name) == nullptr) return context.control.FindPort(name).status();
  if (const EvpnConfig* const vni = FindVniOf(wanted.evpn, name); vni != nullptr) {
    return absl::FailedPreconditionError(
        fmt::format("port {0} carries vni {1}: tapctl evpn del vni {1}", name, vni->vni));
  }
  std::erase_if(wanted.ports, [&](const PortConfig& port) { return port.spec.name == name; });
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) return changed;
  context.monitor.Publish("port", "deleted", NameOnly(name));
  return nullptr;
}

MethodResult ListPorts(const MethodContext& context, const MethodCall& call) {
  return ListEachPort(context.control, call.params, "name",
                      [&](const PortConfig& config, const PortSnapshot* snapshot) {
                        ordered_json port = ShowPort(config, snapshot);
                        ShowGuest(context.control, config, port);
                        return port;
                      });
}

MethodResult ExplainPort(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const std::string name = reader.Text("name");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const PortConfig* const port = context.control.config().port(name);
  if (port == nullptr) return context.control.FindPort(name).status();
  auto settings = ordered_json::array();
  for (const ProfileSetting& one : ExplainProfile(port->settings)) {
    ordered_json shown{{"name", one.name}, {"value", one.value}};
    if (one.value != one.of_profile) shown["of_profile"] = one.of_profile;
    shown["why"] = one.why;
    settings.push_back(std::move(shown));
  }
  ordered_json explained{{"ifname", name}, {"profile", NameOf(port->settings.profile)}};
  explained["settings"] = std::move(settings);
  return explained;
}

MethodResult RecoverPort(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const std::string name = reader.Text("name");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto port = context.control.FindPort(name);
  if (!port.ok()) return port.status();
  if (context.control.Recover(*port)) return nullptr;
  return absl::FailedPreconditionError(
      fmt::format("port {}: it is not shut down: see tapctl port show {}", name, name));
}

constexpr std::array kPortMethods{
    Method{"port.add", MethodKind::kChanges, AddPort},
    Method{"port.set", MethodKind::kChanges, SetPort},
    Method{"port.del", MethodKind::kChanges, DeletePort},
    Method{"port.list", MethodKind::kReads, ListPorts},
    Method{"port.explain", MethodKind::kReads, ExplainPort},
    Method{"port.recover", MethodKind::kChanges, RecoverPort},
};

}  // namespace

std::span<const Method> PortMethods() { return kPortMethods; }

}  // namespace tapswitch
