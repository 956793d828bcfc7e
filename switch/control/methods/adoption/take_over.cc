#include "switch/control/methods/adoption/take_over.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "ports/interface/exclusion/switchover.h"
#include "ports/interface/interface_usage.h"
#include "ports/netlink/link_settings.h"
#include "ports/netlink/linux_bridge_port.h"
#include "ports/os/netns.h"
#include "ports/port_types.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/fmt/ranges.h"
#include "spdlog/spdlog.h"
#include "switch/control/adopt/adoption_plan.h"
#include "switch/control/adopt/adoption_record.h"
#include "switch/control/adopt/give_back.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/methods/files/apply.h"
#include "switch/control/rpc/monitor.h"

namespace tapswitch {
namespace {

using Lines = std::vector<std::string>;

absl::Status MustNotBeAdopted(const std::string& file) {
  if (file.empty()) return absl::FailedPreconditionError("there is no control socket");
  const auto record = ReadAdoption(file);
  if (absl::IsNotFound(record.status())) return absl::OkStatus();
  if (!record.ok()) return record.status();
  return absl::AlreadyExistsError(fmt::format(
      "bridge {} is taken over already: give it back first: tapctl release", record->bridge.name));
}

// It is deleted in the end, so it must not be another's.
absl::Status UplinkMustBeFree(const NetworkNamespace& netns, const std::string& uplink) {
  const auto link = FindLink(netns, uplink);
  if (!link.ok()) return link.status();
  if (!*link) return absl::OkStatus();
  return absl::AlreadyExistsError(fmt::format(
      "there is an interface '{0}', and the switch makes a TAP of that name: rename it first: ip "
      "link set dev {0} name NAME",
      uplink));
}

absl::StatusOr<Applied> ApplyPlan(const MethodContext& context, const AdoptionPlan& plan,
                                  const std::string& name, bool dry_run) {
  return ApplyText(context, {.text = fmt::format("{}\n", fmt::join(plan.commands, "\n")),
                             .name = name,
                             .base = {},
                             .merge = true,
                             .dry_run = dry_run});
}

// Adds the other uses that the host has for the interfaces. Ports that are opened tell these by
// themselves.
void AddUses(const NetworkNamespace& netns, const LinuxBridge& bridge, Lines& lines) {
  for (const LinuxBridgePort& port : bridge.ports) {
    const auto link = FindLink(netns, port.name);
    if (!link.ok() || !*link) continue;
    for (const std::string& line : DescribeUse(netns, **link, false)) lines.push_back(line);
  }
}

// Frames would be flooded at first without these. Entries set by hand are part of the plan.
void LearnEntries(BridgeControl& control, const LinuxBridge& bridge) {
  for (const LinuxBridgeEntry& entry : bridge.entries) {
    if (entry.state != LinuxEntryState::kLearned || entry.extern_learn) continue;
    const auto port = control.FindPort(entry.port);
    if (!port.ok()) continue;
    static_cast<void>(control.AddEntry(FdbVerb::kReplace, {.vlan = VlanId{entry.vlan},
                                                           .address = entry.address,
                                                           .port = *port,
                                                           .state = MacEntryState::kLearned}));
  }
}

// Makes the TAP a port of the bridge, which is down still. Returns its index.
absl::StatusOr<int> JoinUplink(const NetworkNamespace& netns, const AdoptionRecord& record) {
  const auto link = FindLink(netns, record.uplink);
  if (!link.ok()) return link.status();
  if (!*link) return absl::NotFoundError(fmt::format("{} has been deleted", record.uplink));
  const int ifindex = (*link)->ifindex;
  const LinuxBridge& bridge = record.bridge;
  absl::Status done = ChangeLink(netns, ifindex, {.up = false});
  if (done.ok()) done = PrepareUplink(ifindex, bridge.address);
  if (done.ok()) done = SetMaster(ifindex, bridge.ifindex);
  const auto default_pvid =
      static_cast<uint16_t>(SettingOr(bridge.settings, "vlan_default_pvid", 0));
  LinuxBridgePort port{.name = record.uplink, .ifindex = ifindex, .settings = {}, .vlans = {}};
  port.vlans = bridge.vlans;
  if (done.ok()) done = RestorePort(port, default_pvid);
  if (!done.ok()) return done;
  return ifindex;
}

// The change itself. From its first step on frames take the way through the switch.
absl::Status ChangeSides(const NetworkNamespace& netns, const LinuxBridge& bridge, int uplink,
                         Switchover& switchover) {
  if (absl::Status done = switchover.Complete(); !done.ok()) return done;
  // The bridge has both the TAP and the ports for a moment, and floods to the TAP only.
  for (const LinuxBridgePort& port : bridge.ports) {
    if (absl::Status done = StopFlooding(port.ifindex); !done.ok()) return done;
  }
  if (absl::Status up = ChangeLink(netns, uplink, {.up = true}); !up.ok()) return up;
  for (const LinuxBridgePort& port : bridge.ports) {
    if (absl::Status left = SetMaster(port.ifindex, 0); !left.ok()) return left;
  }
  return absl::OkStatus();
}

void PublishDeleted(const MethodContext& context, const BridgeConfig& before) {
  for (const PortConfig& port : before.ports) {
    if (context.control.config().port(port.spec.name) != nullptr) continue;
    context.monitor.Publish("port", "deleted", {{"ifname", port.spec.name}});
  }
}

bool IsAdopted(const AdoptionRecord& record, const PortConfig& port) {
  const InterfaceOrigin origin = InterfaceOriginOf(port.spec);
  if (port.spec.name == record.uplink) return origin == InterfaceOrigin::kOwn;
  if (origin != InterfaceOrigin::kForeign) return false;
  return std::any_of(record.bridge.ports.begin(), record.bridge.ports.end(),
                     [&](const auto& one) { return one.name == port.spec.name; });
}

// Has the switch forward nothing by these of the adopted ports.
absl::Status Shut(BridgeControl& control, const AdoptionRecord& record,
                  const std::function<bool(const PortConfig&)>& is_meant) {
  BridgeConfig wanted = control.config();
  for (PortConfig& port : wanted.ports) {
    if (IsAdopted(record, port) && is_meant(port)) port.settings.state = PortState::kDisabled;
  }
  return control.Change(wanted);
}

// The interfaces are ports of the bridge again, which receives from here on.
absl::Status ChangeSidesBack(BridgeControl& control, const AdoptionRecord& record,
                             const BridgeConfig& after) {
  absl::Status shut = Shut(control, record, [](const PortConfig& /*any*/) { return true; });
  if (!shut.ok()) return shut;
  // What the bridge carries from here on would overtake it.
  control.AwaitSent();
  if (control.switchover() != nullptr) control.switchover()->Reverse();
  control.set_switchover(nullptr);
  return control.Change(after);
}

std::vector<LinuxBridgeEntry> LearnedEntries(const BridgeControl& control,
                                             const AdoptionRecord& record) {
  std::vector<LinuxBridgeEntry> learned;
  control.VisitEntries([&](std::span<const MacEntry> some) {
    for (const MacEntry& entry : some) {
      if (entry.state != MacEntryState::kLearned || entry.extern_learn) continue;
      if (entry.port == kBridgePort) continue;
      learned.push_back(
          {.address = entry.address, .port = control.NameOf(entry.port), .vlan = entry.vlan.value});
    }
  });
  std::erase_if(learned, [&](const auto& entry) { return entry.port == record.uplink; });
  return learned;
}

// `after` is the configuration without what was adopted.
absl::StatusOr<Lines> GiveBackPorts(BridgeControl& control, const AdoptionRecord& record,
                                    const BridgeConfig& after) {
  const auto learned = LearnedEntries(control, record);
  // Nothing of the host passes by the TAP while the bridge has both ways.
  absl::Status shut = Shut(control, record,
                           [&](const PortConfig& port) { return port.spec.name == record.uplink; });
  if (!shut.ok()) return shut;
  auto lines = ReturnPorts(record, learned);
  if (!lines.ok()) return lines;
  if (absl::Status changed = ChangeSidesBack(control, record, after); !changed.ok()) {
    return changed;
  }
  if (absl::Status removed = RemoveUplink(record); !removed.ok()) return removed;
  return lines;
}

// After an error: the bridge gets back what it had.
absl::Status Undo(const MethodContext& context, const AdoptionRecord& record,
                  const BridgeConfig& before, const absl::Status& why) {
  const auto undone = GiveBackPorts(context.control, record, before);
  if (!undone.ok()) {
    return {why.code(),
            fmt::format("{}; and what was done could not be undone: {}: try tapctl release",
                        std::string(why.message()), std::string(undone.status().message()))};
  }
  for (const std::string& line : *undone) spdlog::warn("adopt: {}", line);
  RemoveAdoption(std::string(context.adoption_file));
  return why;
}

absl::Status CarryOut(const MethodContext& context, const NetworkNamespace& netns,
                      const AdoptionRecord& record, const AdoptionPlan& plan) {
  BridgeControl& control = context.control;
  const auto switchover = std::make_shared<Switchover>(record.bridge.ifindex);
  control.set_switchover(switchover);
  const auto applied = ApplyPlan(context, plan, record.bridge.name, false);
  if (!applied.ok()) return applied.status();
  LearnEntries(control, record.bridge);
  const auto uplink = JoinUplink(netns, record);
  if (!uplink.ok()) return uplink.status();
  return ChangeSides(netns, record.bridge, *uplink, *switchover);
}

}  // namespace

absl::StatusOr<Adopted> TakeOver(const MethodContext& context, std::string_view name,
                                 bool dry_run) {
  const std::string file(context.adoption_file);
  if (absl::Status free = MustNotBeAdopted(file); !free.ok()) return free;
  const auto netns = NetworkNamespace::Current();
  if (!netns.ok()) return netns.status();
  auto bridge = ReadLinuxBridge(*netns, name);
  if (!bridge.ok()) return bridge.status();
  const AdoptionRecord record{
      .bridge = *std::move(bridge), .uplink = UplinkName(std::string(name)), .netns = netns->id()};
  if (absl::Status free = UplinkMustBeFree(*netns, record.uplink); !free.ok()) return free;
  AdoptionPlan plan = PlanAdoption(record.bridge, record.uplink);
  if (absl::Status may = Switchover(record.bridge.ifindex).Probe(*netns); !may.ok()) {
    plan.refused.emplace_back(may.message());
  }
  if (!plan.refused.empty() && !dry_run) {
    return absl::FailedPreconditionError(fmt::format("{}", fmt::join(plan.refused, "; ")));
  }
  const auto tried = ApplyPlan(context, plan, record.bridge.name, true);
  if (!tried.ok()) return tried.status();
  if (dry_run) {
    AddUses(*netns, record.bridge, plan.lost);
    return Adopted{tried->commands, plan.lost, plan.refused};
  }
  const BridgeConfig before = context.control.config();
  if (absl::Status written = WriteAdoption(file, record); !written.ok()) return written;
  const absl::Status done = CarryOut(context, *netns, record, plan);
  if (!done.ok()) return Undo(context, record, before, done);
  return Adopted{tried->commands, plan.lost, {}};
}

absl::StatusOr<Lines> Release(const MethodContext& context, bool dry_run) {
  const std::string file(context.adoption_file);
  const auto record = ReadAdoption(file);
  if (!record.ok()) return record.status();
  if (dry_run) return DescribeGivingBack(*record);
  const BridgeConfig before = context.control.config();
  BridgeConfig after = before;
  std::erase_if(after.ports, [&](const PortConfig& port) { return IsAdopted(*record, port); });
  auto lines = GiveBackPorts(context.control, *record, after);
  if (!lines.ok()) return lines;
  RemoveAdoption(file);
  PublishDeleted(context, before);
  return lines;
}

}  // namespace tapswitch
