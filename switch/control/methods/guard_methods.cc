// The methods of Methods that concern the guards of ports.

#include <string>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"
#include "switch/control/commands/duration.h"
#include "switch/control/config/guard_settings.h"
#include "switch/control/methods/method_table.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/methods/show.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

// How the other port of an alarm has to do with it; empty where there is none.
std::string_view RelationOf(Alarm::Kind kind) {
  switch (kind) {
    case Alarm::Kind::kMacMoves:
      return ", other port ";
    case Alarm::Kind::kLoop:
      return ": it leads to the same place as ";
    case Alarm::Kind::kOwnAddress:
      return ": its interface has the address of a station, which keeps its frames, behind ";
    default:
      return "";
  }
}

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

}  // namespace

Methods::Result Methods::ListStorm(const Params& params) { return ListPorts(params, ShowStorm); }

Methods::Result Methods::ListSecurity(const Params& params) {
  return ListPorts(params, ShowSecurity);
}

Methods::Result Methods::SetStorm(const Params& params) {
  return ChangePort(params, [](std::string_view name, const Params& value, PortSettings& settings) {
    return SetStormSetting(name, value, settings.storm);
  });
}

Methods::Result Methods::SetSecurity(const Params& params) {
  return ChangePort(params, SetSecuritySetting);
}

Methods::Result Methods::AllowStation(const Params& params) {
  ParamReader reader(params);
  const std::string text = reader.Text("station");
  const std::string dev = reader.Text("dev");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto station = ParseAllowedStation(text);
  if (!station.ok()) return station.status();
  return ChangeAllowed(dev,
                       [&](const AllowListPointer& list) { return WithStation(list, *station); });
}

Methods::Result Methods::DisallowStation(const Params& params) {
  ParamReader reader(params);
  const std::string text = reader.Text("station");
  const std::string dev = reader.Text("dev");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (text == "all") {
    return ChangeAllowed(
        dev, [](const AllowListPointer&) { return absl::StatusOr<AllowListPointer>(nullptr); });
  }
  const auto address = MacAddress::Parse(text);
  if (!address) {
    return absl::InvalidArgumentError(fmt::format("'{:.100}': it is a MAC address, or all", text));
  }
  return ChangeAllowed(
      dev, [&](const AllowListPointer& list) { return WithoutStation(list, *address); });
}

Methods::Result Methods::ChangeAllowed(const std::string& dev, const AllowedEdit& edit) {
  BridgeConfig wanted = control_.config();
  PortConfig* const port = wanted.port(dev);
  if (port == nullptr) return control_.FindPort(dev).status();
  auto list = edit(port->settings.security.allowed);
  if (!list.ok()) return list.status();
  port->settings.security.allowed = *std::move(list);
  if (absl::Status changed = control_.Change(wanted); !changed.ok()) return changed;
  PublishLink(*port);
  return nullptr;
}

Methods::Result Methods::RecoverPort(const Params& params) {
  ParamReader reader(params);
  const std::string name = reader.Text("name");
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  const auto port = control_.FindPort(name);
  if (!port.ok()) return port.status();
  if (control_.Recover(*port)) return nullptr;
  return absl::FailedPreconditionError(
      fmt::format("port {}: it is not shut down: see tapctl port show {}", name, name));
}

void Methods::Publish(const Alarm& alarm) {
  const std::string port = control_.NameOf(alarm.port);
  ordered_json members{{"ifname", port}, {"alarm", NameOf(alarm.kind)}};
  std::string text(NameOf(alarm.kind));
  if (alarm.kind == Alarm::Kind::kStorm) {
    members["storm"] = NameOf(alarm.storm);
    text = fmt::format("storm of {} frames", NameOf(alarm.storm));
  }
  if (!alarm.address.is_zero()) {
    members["mac"] = alarm.address.ToString();
    text += " from " + alarm.address.ToString();
  }
  if (alarm.vlan != kNoVlan) {
    members["vlan"] = alarm.vlan.value;
    text += fmt::format(" vlan {}", alarm.vlan.value);
  }
  if (const std::string_view relation = RelationOf(alarm.kind); !relation.empty()) {
    const std::string other = control_.NameOf(alarm.other);
    members["other"] = other;
    text += fmt::format("{}{}", relation, other);
  }
  if (alarm.kind == Alarm::Kind::kMacMoves) members["damped"] = alarm.damped;
  members["shut_down"] = alarm.shut_down;
  if (alarm.shut_down || alarm.damped) {
    const bool ends = alarm.recovery != Ticks{0};
    if (ends) members["recovery"] = DurationText(alarm.recovery);
    text += fmt::format(": {}{}", alarm.shut_down ? "the port is shut down" : "held where it is",
                        ends ? " for " + DurationText(alarm.recovery) : "");
  }
  spdlog::warn("{}: {}", port, text);
  monitor_.Publish("port", "alarm", std::move(members));
  PublishLinkOf(port);
}

void Methods::Publish(const RecoveryEvent& event) {
  const std::string port = control_.NameOf(event.port);
  spdlog::info("{}: it is no longer shut down", port);
  monitor_.Publish("port", "recovered", {{"ifname", port}});
  PublishLinkOf(port);
}

// While the port is there.
void Methods::PublishLinkOf(const std::string& name) {
  const PortConfig* const port = control_.config().port(name);
  if (port != nullptr) PublishLink(*port);
}

}  // namespace tapswitch
