// Methods about the guards of ports.

#include <array>
#include <functional>
#include <string>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/config/guard_settings.h"
#include "switch/control/methods/event_publisher.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/port_steps.h"
#include "switch/control/methods/show.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

ordered_json ShowStorm(const PortConfig& config, const PortSnapshot* snapshot) {
  ordered_json shown{{"ifname", config.spec.name}};
  ShowStormSettings(config.settings.storm, shown);
  auto dropped = ordered_json::object();
  for (size_t kind = 0; kind < kStormKindCount; ++kind) {
    dropped[std::string(kStormKindNames[kind])] =
        snapshot == nullptr ? 0 : snapshot->counters.storm[kind];
  }
  shown["dropped"] = std::move(dropped);
  ShowShutDown(snapshot, shown);
  return shown;
}

ordered_json ShowSecurity(const PortConfig& config, const PortSnapshot* snapshot) {
  ordered_json shown{{"ifname", config.spec.name}};
  ShowSecuritySettings(config.settings, shown);
  const PortCounters counters = snapshot == nullptr ? PortCounters{} : snapshot->counters;
  shown["n_macs"] = snapshot == nullptr ? 0 : snapshot->learned;
  shown["dropped"] = {{"learn_limit", counters.dropped(DropReason::kLearnLimit)},
                      {"spoofed", counters.dropped(DropReason::kSpoofed)}};
  ShowShutDown(snapshot, shown);
  return shown;
}

MethodResult ListStorm(const MethodContext& context, const MethodCall& call) {
  return ListEachPort(context.control, call.params, "dev", ShowStorm);
}

MethodResult ListSecurity(const MethodContext& context, const MethodCall& call) {
  return ListEachPort(context.control, call.params, "dev", ShowSecurity);
}

MethodResult SetStorm(const MethodContext& context, const MethodCall& call) {
  return ChangePort(context, call.params,
                    [](std::string_view name, const MethodParams& value, PortSettings& settings) {
                      return SetStormSetting(name, value, settings.storm);
                    });
}

MethodResult SetSecurity(const MethodContext& context, const MethodCall& call) {
  return ChangePort(context, call.params, SetSecuritySetting);
}

// Makes the list of stations that a port is to have of the one that it has.
using AllowedEdit = std::function<absl::StatusOr<AllowListPointer>(const AllowListPointer& list)>;

MethodResult ChangeAllowed(const MethodContext& context, const std::string& dev,
                           const AllowedEdit& edit) {
  BridgeConfig wanted = context.control.config();
  PortConfig* const port = wanted.port(dev);
  if (port == nullptr) return context.control.FindPort(dev).status();
  auto list = edit(port->settings.security.allowed);
  if (!list.ok()) return list.status();
  port->settings.security.allowed = *std::move(list);
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) return changed;
  context.publisher.PublishLink(*port);
  return nullptr;
}

MethodResult AllowStation(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const std::string text = reader.Text("station");
  const std::string dev = reader.Text("dev");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto station = ParseAllowedStation(text);
  if (!station.ok()) return station.status();
  return ChangeAllowed(context, dev,
                       [&](const AllowListPointer& list) { return WithStation(list, *station); });
}

MethodResult DisallowStation(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const std::string text = reader.Text("station");
  const std::string dev = reader.Text("dev");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (text == "all") {
    return ChangeAllowed(context, dev, [](const AllowListPointer&) {
      return absl::StatusOr<AllowListPointer>(nullptr);
    });
  }
  const auto address = MacAddress::Parse(text);
  if (!address) {
    return absl::InvalidArgumentError(
        fmt::format("'{:.100}': expected a MAC address, or all", text));
  }
  return ChangeAllowed(
      context, dev, [&](const AllowListPointer& list) { return WithoutStation(list, *address); });
}

constexpr std::array kGuardMethods{
    Method{"storm.set", MethodKind::kChanges, SetStorm},
    Method{"storm.list", MethodKind::kReads, ListStorm},
    Method{"security.set", MethodKind::kChanges, SetSecurity},
    Method{"security.allow", MethodKind::kChanges, AllowStation},
    Method{"security.disallow", MethodKind::kChanges, DisallowStation},
    Method{"security.list", MethodKind::kReads, ListSecurity},
};

}  // namespace

std::span<const Method> GuardMethods() { return kGuardMethods; }

}  // namespace tapswitch
