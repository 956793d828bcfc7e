#include "switch/control/methods/files/apply.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/apply/planned_bridge.h"
#include "switch/control/config/guard_settings.h"
#include "switch/control/methods/event_publisher.h"
#include "switch/control/methods/files/command_file.h"
#include "switch/control/methods/files/save.h"
#include "switch/control/methods/files/save_entries.h"
#include "switch/control/methods/method_table.h"
#include "switch/control/methods/port_steps.h"
#include "switch/control/rpc/monitor.h"

namespace tapswitch {
namespace {

// Interfaces that are missing are waited for while this lives.
class MissingInterfacesAreAwaited {
 public:
  explicit MissingInterfacesAreAwaited(BridgeControl& control) : control_(control) {
    control_.set_missing_interfaces(MissingInterface::kAwaited);
  }
  ~MissingInterfacesAreAwaited() { control_.set_missing_interfaces(MissingInterface::kRefused); }
  MissingInterfacesAreAwaited(const MissingInterfacesAreAwaited&) = delete;
  MissingInterfacesAreAwaited& operator=(const MissingInterfacesAreAwaited&) = delete;

 private:
  BridgeControl& control_;
};

void CopyEntries(const BridgeControl& from, PlannedBridge& to) {
  from.VisitEntries([&](std::span<const MacEntry> some) {
    to.AdoptEntries(some, [&](PortId port) { return from.NameOf(port); });
  });
  to.AdoptGroups(from.Groups(), [&](PortId port) { return from.NameOf(port); });
  to.AdoptNeighbours(from.Neighbours());
}

absl::Status RunPlanned(const MethodContext& planned, const Request& request) {
  if (request.params.contains("ephemeral")) {
    return absl::InvalidArgumentError(
        "ephemeral: such ports come and go with their interfaces: leave the line out");
  }
  const MethodCall call{.client = {}, .params = request.params};
  return CallMethod(planned, request.command->method, call).status();
}

// Has the plan carry out the commands of the text.
absl::Status Plan(const MethodContext& context, const ApplyRequest& request,
                  PlannedBridge& planned) {
  Monitor nobody([](ClientId, const std::string&) { return true; });
  EventPublisher publisher(planned, nobody);
  const MethodContext plan{planned,          nobody,    context.captures,
                           context.attacher, publisher, context.initial};
  std::istringstream lines(request.text);
  return ForEachCommand(lines, request.name,
                        [&](const Request& command) { return RunPlanned(plan, command); });
}

bool HaveSameStations(const AllowListPointer& a, const AllowListPointer& b) {
  return a != nullptr && b != nullptr && a->stations() == b->stations();
}

// A port of the running bridge that the plan has, too, is the same port: it was opened as often,
// and the same list of stations is the same object.
void Recognise(const BridgeConfig& running, BridgeConfig& wanted) {
  for (PortConfig& port : wanted.ports) {
    const PortConfig* const same = running.port(port.spec.name);
    if (same == nullptr) continue;
    port.opened = same->opened;
    if (HaveSameStations(port.settings.security.allowed, same->settings.security.allowed)) {
      port.settings.security.allowed = same->settings.security.allowed;
    }
  }
}

// Ports that are removed, or made anew, go first.
absl::Status ChangeConfig(BridgeControl& control, BridgeConfig wanted) {
  Recognise(control.config(), wanted);
  BridgeConfig kept = control.config();
  std::erase_if(kept.evpn, [&](const EvpnConfig& vni) {
    const bool is_kept =
        std::find(wanted.evpn.begin(), wanted.evpn.end(), vni) != wanted.evpn.end();
    if (!is_kept && vni.adds_port) {
      std::erase_if(kept.ports, [&](const PortConfig& port) { return port.spec.name == vni.dev; });
    }
    return !is_kept;
  });
  std::erase_if(kept.ports, [&](const PortConfig& port) {
    const PortConfig* const other = wanted.port(port.spec.name);
    return !IsKept(other, port) || other->ephemeral != port.ephemeral;
  });
  if (absl::Status removed = control.Change(kept); !removed.ok()) return removed;
  return control.Change(wanted);
}

absl::Status ChangeEntries(const MethodContext& context, const std::vector<std::string>& commands) {
  for (const std::string& command : commands) {
    std::istringstream line(command);
    if (absl::Status ran = RunCommands(line, "fdb", context); !ran.ok()) return ran;
  }
  return absl::OkStatus();
}

// Makes the running bridge like another one, from which it differs by these commands.
absl::Status MakeLike(const MethodContext& context, const BridgeControl& wanted,
                      const BridgeDifference& difference) {
  absl::Status changed = ChangeConfig(context.control, wanted.config());
  return changed.ok() ? ChangeEntries(context, difference.entries) : changed;
}

// Tells those who watch what has become of ports.
void PublishPorts(const MethodContext& context, const BridgeConfig& before) {
  const BridgeConfig& after = context.control.config();
  for (const PortConfig& port : before.ports) {
    if (after.port(port.spec.name) == nullptr) {
      context.monitor.Publish("port", "deleted", {{"ifname", port.spec.name}});
    }
    PublishSettings(context, port);
  }
  for (const PortConfig& port : after.ports) {
    if (before.port(port.spec.name) != nullptr) continue;
    context.monitor.Publish("port", "added", {{"ifname", port.spec.name}});
  }
}

BridgeConfig WithEphemeralPorts(BridgeConfig base, const BridgeConfig& running) {
  for (const PortConfig& port : running.ports) {
    if (port.ephemeral && base.port(port.spec.name) == nullptr) base.ports.push_back(port);
  }
  return base;
}

}  // namespace

absl::StatusOr<Applied> ApplyText(const MethodContext& context, const ApplyRequest& request) {
  BridgeControl& control = context.control;
  const BridgeConfig before = control.config();
  PlannedBridge planned(control.identity(),
                        request.merge ? before : WithEphemeralPorts(request.base, before));
  if (request.merge) CopyEntries(control, planned);
  if (absl::Status made = Plan(context, request, planned); !made.ok()) return made;
  const BridgeDifference difference = CommandsBetween(control, planned);
  Applied applied{.commands = difference.config};
  applied.commands.insert(applied.commands.end(), difference.entries.begin(),
                          difference.entries.end());
  if (request.dry_run || applied.commands.empty()) return applied;
  PlannedBridge original(control.identity(), before);
  CopyEntries(control, original);
  const MissingInterfacesAreAwaited awaited(control);
  if (absl::Status changed = MakeLike(context, planned, difference); !changed.ok()) {
    const absl::Status undone = MakeLike(context, original, CommandsBetween(control, original));
    if (undone.ok()) return changed;
    return absl::Status(changed.code(),
                        fmt::format("{}; and what was done could not be undone: {}",
                                    std::string(changed.message()), std::string(undone.message())));
  }
  PublishPorts(context, before);
  return applied;
}

}  // namespace tapswitch
