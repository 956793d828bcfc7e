// Methods that add, remove, show and recover ports.

#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "ports/port_types.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/attach/attacher.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/port_steps.h"
#include "switch/control/methods/show.h"
#include "switch/control/rpc/monitor.h"

namespace tapswitch {
namespace {

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

absl::Status AddTo(const BridgeControl& control, BridgeConfig& wanted, const PortSpec& spec) {
  PortConfig* const port = wanted.port(spec.name);
  if (port == nullptr) {
    wanted.ports.push_back(NewPort(spec, wanted.bridge));
    return absl::OkStatus();
  }
  const SwitchSnapshot snapshot = control.Snapshot();
  if (!IsDead(*port, FindPortSnapshot(snapshot, spec.name))) {
    return absl::AlreadyExistsError(
        fmt::format("port {}: it is there already: remove it first (tapctl port del {})", spec.name,
                    spec.name));
  }
  port->spec = spec;
  ++port->opened;
  port->ephemeral = false;
  port->attached_by.clear();
  return absl::OkStatus();
}

MethodResult AddPort(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const std::string text = reader.Text("port");
  const bool ephemeral = reader.MaybeFlag("ephemeral").value_or(false);
  const auto ifindex = reader.MaybeNumber("ifindex", 1, std::numeric_limits<int>::max());
  const auto netns = reader.MaybeNumber("netns", 1, std::numeric_limits<uint64_t>::max());
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto spec = ParsePortSpec(text);
  if (!spec.ok()) return spec.status();
  static_cast<void>(context.control.TakeWarnings());  // of ports that came by themselves
  if (ephemeral) {
    Attacher::Whereabouts whereabouts;
    if (ifindex) whereabouts.ifindex = static_cast<int>(*ifindex);
    if (netns) whereabouts.netns = NetnsId{*netns};
    if (absl::Status added = context.attacher.Add(*spec, whereabouts); !added.ok()) return added;
    return Added(context.control);
  }
  if (ifindex || netns) {
    return absl::InvalidArgumentError("ifindex and netns go with ephemeral: leave them out");
  }
  const auto ports = ExpandPort(*spec);
  if (!ports.ok()) return ports.status();
  const BridgeConfig before = context.control.config();
  BridgeConfig wanted = before;
  for (const PortSpec& port : *ports) {
    if (absl::Status added = AddTo(context.control, wanted, port); !added.ok()) return added;
  }
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) {
    // All or none; a single one that cannot be opened again is to stay known.
    if (ports->size() > 1) static_cast<void>(context.control.Change(before));
    return changed;
  }
  for (const PortSpec& port : *ports) context.monitor.Publish("port", "added", NameOnly(port.name));
  return Added(context.control);
}

MethodResult DeletePort(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const std::string name = reader.Text("name");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  BridgeConfig wanted = context.control.config();
  if (wanted.port(name) == nullptr) return context.control.FindPort(name).status();
  std::erase_if(wanted.ports, [&](const PortConfig& port) { return port.spec.name == name; });
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) return changed;
  context.monitor.Publish("port", "deleted", NameOnly(name));
  return nullptr;
}

MethodResult ListPorts(const MethodContext& context, const MethodCall& call) {
  return ListEachPort(context.control, call.params, "name", ShowPort);
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
    Method{"port.del", MethodKind::kChanges, DeletePort},
    Method{"port.list", MethodKind::kReads, ListPorts},
    Method{"port.recover", MethodKind::kChanges, RecoverPort},
};

}  // namespace

std::span<const Method> PortMethods() { return kPortMethods; }

}  // namespace tapswitch
