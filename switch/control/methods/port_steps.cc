#include "switch/control/methods/port_steps.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "spdlog/fmt/fmt.h"
#include "switch/control/methods/event_publisher.h"
#include "switch/control/methods/param_reader.h"

namespace tapswitch {

using nlohmann::ordered_json;

const PortSnapshot* FindPortSnapshot(const SwitchSnapshot& snapshot, std::string_view name) {
  const auto found = std::find_if(snapshot.ports.begin(), snapshot.ports.end(),
                                  [&](const PortSnapshot& port) { return port.name == name; });
  return found == snapshot.ports.end() ? nullptr : &*found;
}

absl::StatusOr<PortId> FindPortOrBridge(const BridgeControl& control, const std::string& name) {
  if (name == control.identity().name) return kBridgePort;
  return control.FindPort(name);
}

absl::Status CheckBridgeName(const BridgeControl& control, std::string_view word,
                             const std::optional<std::string>& name) {
  if (!name || *name == control.identity().name) return absl::OkStatus();
  return absl::NotFoundError(
      fmt::format("{} {}: this is {}: leave it out", word, *name, control.identity().name));
}

const PortVlans& VlansOf(const BridgeControl& control, PortId port) {
  if (port == kBridgePort) return control.config().bridge.vlans;
  return control.config().port(control.NameOf(port))->settings.vlans;
}

absl::StatusOr<std::vector<VlanId>> FindVlans(const BridgeControl& control, PortId port,
                                              std::optional<uint64_t> vlan) {
  const PortVlans& vlans = VlansOf(control, port);
  if (vlan) {
    const VlanId named{static_cast<uint16_t>(*vlan)};
    if (named == kNoVlan) return std::vector{kNoVlan};
    if (vlans.members.contains(named)) return std::vector{named};
    return absl::FailedPreconditionError(
        fmt::format("vlan {}: {} is not a member of it: add it (tapctl vlan add vid {} dev {})",
                    *vlan, control.NameOf(port), *vlan, control.NameOf(port)));
  }
  if (!control.config().bridge.forwarding.vlan_filtering) return std::vector{kNoVlan};
  std::vector<VlanId> all;
  vlans.members.ForEach([&](VlanId member) { all.push_back(member); });
  if (!all.empty()) return all;
  return absl::FailedPreconditionError(
      fmt::format("{} is a member of no VLAN: add one (tapctl vlan add vid VID dev {})",
                  control.NameOf(port), control.NameOf(port)));
}

void PublishSettings(const MethodContext& context, const PortConfig& before) {
  const PortConfig* const now = context.control.config().port(before.spec.name);
  if (now == nullptr || now->settings == before.settings) return;
  context.publisher.PublishLink(*now);
  if (now->settings.vlans != before.settings.vlans) PublishVlans(context, before.spec.name);
}

MethodResult ListEachPort(const BridgeControl& control, const MethodParams& params,
                          std::string_view key, const ShowPortFunction& show) {
  ParamReader reader(params);
  const auto name = reader.MaybeText(key);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (name && control.config().port(*name) == nullptr) return control.FindPort(*name).status();
  const SwitchSnapshot snapshot = control.Snapshot();
  auto list = ordered_json::array();
  for (const PortConfig& port : control.config().ports) {
    if (name && port.spec.name != *name) continue;
    list.push_back(show(port, FindPortSnapshot(snapshot, port.spec.name)));
  }
  return list;
}

MethodResult ChangePort(const MethodContext& context, const MethodParams& params, PortSetter set) {
  const auto name = params.find("dev");
  if (name == params.end() || !name->is_string()) {
    return absl::InvalidArgumentError("'dev' is missing: name a port");
  }
  const auto& dev = name->get_ref<const std::string&>();
  BridgeConfig wanted = context.control.config();
  PortConfig* const port = wanted.port(dev);
  if (port == nullptr) return context.control.FindPort(dev).status();
  const auto profile = params.find(kProfileWord);
  if (profile != params.end()) {
    absl::Status done = set(kProfileWord, *profile, port->settings);
    if (!done.ok()) return done;
  }
  for (const auto& [key, value] : params.items()) {
    if (key == "dev" || key == kProfileWord) continue;
    if (absl::Status done = set(key, value, port->settings); !done.ok()) return done;
  }
  if (absl::Status fits = CheckPortSettings(port->settings); !fits.ok()) return fits;
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) return changed;
  context.publisher.PublishLink(*port);
  return nullptr;
}

}  // namespace tapswitch
