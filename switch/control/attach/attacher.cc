#include "switch/control/attach/attacher.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "ports/interface/interface_claim.h"
#include "ports/interface/tap/abandoned_tap.h"
#include "ports/netlink/link_settings.h"
#include "ports/port_types.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

// The name that the switch gives to a new TAP until it is configured.
constexpr std::string_view kStagingPrefix = "tapswitch";

// The interval at which interfaces without a carrier are checked for a holder.
constexpr std::chrono::milliseconds kLookEvery(1000);

}  // namespace

Attacher::Attacher(BridgeControl& control, Monitor& monitor, RunningSwitch running,
                   std::span<const AttachRule> rules)
    : control_(control),
      monitor_(monitor),
      running_(std::move(running)),
      rules_(rules),
      ledger_([this](std::string_view name) {
        return !name.starts_with(kStagingPrefix) && FindAttachRule(rules_, name) != nullptr;
      }) {}

absl::Status Attacher::Start() {
  RemoveLeftTaps();
  if (rules_.empty()) return absl::OkStatus();
  if (absl::Status watched = Watch(); !watched.ok()) return watched;
  const auto links = ListLinks(*netns_);
  if (!links.ok()) return links.status();
  for (const LinkState& link : *links) {
    OnLink({.netns = netns_->id(),
            .ifindex = link.ifindex,
            .name = link.name,
            .up = link.up,
            .mtu = link.mtu});
  }
  patient_until_ = std::chrono::steady_clock::now() + InterfaceClaim::kPatience;
  while (has_work()) Step();
  return absl::OkStatus();
}

absl::Status Attacher::Inherit(std::span<const uint64_t> settled) {
  ledger_.SettleInAdvance(settled);
  for (const PortConfig& port : control_.config().ports) {
    if (!port.ephemeral) continue;
    if (absl::Status watched = Watch(); !watched.ok()) return watched;
    const auto link = FindLink(*netns_, port.spec.name);
    if (!link.ok()) return link.status();
    if (!*link) continue;  // it goes with the next look at what there is
    ledger_.NotePort((*link)->ifindex, port.spec.name);
    doubtful_.insert((*link)->ifindex);
  }
  return absl::OkStatus();
}

std::optional<std::string> Attacher::PatientOwnerOf(int ifindex) const {
  constexpr std::chrono::milliseconds kPause(10);
  for (;;) {
    auto owner = InterfaceClaim::OwnerOf(*netns_, ifindex);
    if (!owner || std::chrono::steady_clock::now() >= patient_until_) return owner;
    std::this_thread::sleep_for(kPause);
  }
}

absl::Status Attacher::Watch() {
  if (netns_) return absl::OkStatus();
  auto netns = NetworkNamespace::Current();
  if (!netns.ok()) return netns.status();
  const auto watched = running_.links.Watch(*netns);
  if (watched.ok()) netns_ = *std::move(netns);
  return watched.status();
}

// Guests that ended while no switch was there to notice may have left some.
void Attacher::RemoveLeftTaps() {
  const auto netns = NetworkNamespace::Current();
  if (!netns.ok()) return;
  const auto links = ListLinks(*netns);
  if (links.ok()) RemoveAbandoned(*links);
}

void Attacher::OnLink(const LinkEvent& link) {
  ledger_.OnLink(link);
  const bool is_silent = !link.removed && !(link.up && link.carrier);
  if (is_silent && ledger_.HasPortOn(link.ifindex)) {
    doubtful_.insert(link.ifindex);
  } else {
    doubtful_.erase(link.ifindex);
  }
}

std::optional<std::chrono::milliseconds> Attacher::patience() const {
  if (has_work()) return std::chrono::milliseconds(0);
  return doubtful_.empty() ? std::nullopt : std::optional(kLookEvery);
}

void Attacher::LookAtDoubtful() {
  constexpr Ticks kLookEveryTicks{std::chrono::milliseconds(kLookEvery).count() / 10};
  const Tick now = running_.clock.Now();
  if (doubtful_.empty() || now < looked_at_ + kLookEveryTicks) return;
  looked_at_ = now;
  auto links = ListLinks(*netns_);
  if (!links.ok()) return;
  std::erase_if(*links, [&](const LinkState& link) { return !doubtful_.contains(link.ifindex); });
  std::erase_if(doubtful_, [&](int ifindex) {
    return std::none_of(links->begin(), links->end(), [&](const LinkState& link) {
      return link.ifindex == ifindex && IsGuestTap(link);
    });
  });
  RemoveAbandoned(*links);
}

void Attacher::RemoveAbandoned(std::span<const LinkState> links) {
  for (const LinkState& link : links) {
    if (!IsPersistentGuestTap(link)) continue;
    const auto removed = abandoned_taps_.RemoveIfAbandoned(link);
    if (!removed.ok()) {
      spdlog::warn("{}", std::string(removed.status().message()));
    } else if (*removed) {
      spdlog::info("interface {}: the guest that it was given to has gone: deleted", link.name);
    }
  }
}

void Attacher::Step() {
  LookAtDoubtful();
  const auto task = ledger_.Next();
  if (!task) return;
  if (task->kind == AttachLedger::Task::Kind::kAttach) {
    Attach(*task);
  } else {
    spdlog::info("port {}: its interface has gone: removed", task->name);
    Detach(task->name);
  }
}

void Attacher::Attach(const AttachLedger::Task& task) {
  // The news may be old.
  const auto link = FindLink(*netns_, task.name);
  if (!link.ok() || !*link || (*link)->ifindex != task.ifindex || !(*link)->up) return;
  RemoveLeftOver(task.name, task.ifindex);
  if (BelongsToAPort(task.ifindex)) return ledger_.Settle(task.ifindex);
  if (control_.config().port(task.name) != nullptr) {
    spdlog::warn("interface {} is not attached: there is another port of that name", task.name);
    return ledger_.Settle(task.ifindex);
  }
  if (const auto owner = PatientOwnerOf(task.ifindex)) {
    spdlog::warn("interface {} is not attached: it is in use by {}", task.name, *owner);
    return ledger_.Postpone(task.ifindex);
  }
  const AttachRule& rule = *FindAttachRule(rules_, task.name);
  const PortSpec spec{.type = std::string(kAttachedPortType), .name = task.name, .options = {}};
  PortConfig port = EphemeralPort(spec, &rule);
  port.attached_by = rule.glob;
  const absl::Status added = AddPort(port, task.ifindex);
  if (added.ok()) {
    spdlog::info("port {}: attached, as --attach={} has it", task.name, rule.glob);
    return;
  }
  spdlog::warn("interface {} is not attached: {}", task.name, std::string(added.message()));
}

absl::Status Attacher::Add(const PortSpec& spec, const Whereabouts& whereabouts,
                           const SettingsEdit& edit) {
  const auto ifindex = FindInterface(spec, whereabouts);
  if (!ifindex.ok()) return ifindex.status();
  RemoveLeftOver(spec.name, *ifindex);
  const PortConfig* const present = control_.config().port(spec.name);
  if (present != nullptr && present->ephemeral) {
    BridgeConfig wanted = control_.config();
    if (absl::Status set = edit(wanted.port(spec.name)->settings); !set.ok()) return set;
    return control_.Change(wanted);
  }
  const auto owner = InterfaceClaim::OwnerOf(*netns_, *ifindex);
  if (owner && present == nullptr) {
    return absl::AlreadyExistsError(fmt::format(
        "port {}: the interface is in use by {}: remove it there first", spec.name, *owner));
  }
  if (present != nullptr || BelongsToAPort(*ifindex)) {
    return absl::AlreadyExistsError(fmt::format(
        "port {0}: the interface is a port already, or another port has its name: remove that "
        "first (tapctl port del {0})",
        spec.name));
  }
  PortConfig port = EphemeralPort(spec, FindAttachRule(rules_, spec.name));
  if (absl::Status set = edit(port.settings); !set.ok()) return set;
  return AddPort(port, *ifindex);
}

PortConfig Attacher::EphemeralPort(const PortSpec& spec, const AttachRule* rule) const {
  PortConfig port = NewPort(spec, control_.config().bridge);
  port.ephemeral = true;
  if (rule == nullptr) return port;
  // Rules know nothing of VLANs.
  PortVlans vlans = std::move(port.settings.vlans);
  port.settings = rule->settings;
  port.settings.vlans = std::move(vlans);
  if (spec.options.empty()) port.spec.options = rule->options;
  return port;
}

absl::StatusOr<int> Attacher::FindInterface(const PortSpec& spec, const Whereabouts& whereabouts) {
  if (InterfaceOriginOf(spec) != InterfaceOrigin::kForeign) {
    return absl::InvalidArgumentError(
        fmt::format("port {0}:{1} ephemeral: only a {2} port goes with its interface: use "
                    "{2}:{1}, or leave ephemeral out",
                    spec.type, spec.name, kAttachedPortType));
  }
  if (absl::Status watched = Watch(); !watched.ok()) return watched;
  if (whereabouts.netns && *whereabouts.netns != netns_->id()) {
    return absl::FailedPreconditionError(
        fmt::format("port {}: its interface is in another network namespace than the switch: "
                    "start it where the switch runs",
                    spec.name));
  }
  const auto link = FindLink(*netns_, spec.name);
  if (!link.ok()) return link.status();
  const bool is_there =
      link->has_value() && (*link)->ifindex == whereabouts.ifindex.value_or((*link)->ifindex);
  if (is_there) return (*link)->ifindex;
  return absl::NotFoundError(fmt::format(
      "port {0}: there is no such interface {0} where the switch runs: make it first", spec.name));
}

absl::Status Attacher::AddPort(const PortConfig& port, int ifindex) {
  // First, so that it counts when the interface goes in this very moment.
  ledger_.NotePort(ifindex, port.spec.name);
  doubtful_.insert(ifindex);  // until it is known to be up
  BridgeConfig wanted = control_.config();
  wanted.ports.push_back(port);
  absl::Status changed = control_.Change(wanted);
  if (changed.ok()) {
    monitor_.Publish("port", "added", {{"ifname", port.spec.name}});
  } else {
    ledger_.ForgetPort(ifindex);
    ledger_.Postpone(ifindex);
  }
  return changed;
}

void Attacher::Detach(std::string_view name) {
  BridgeConfig wanted = control_.config();
  const PortConfig* const port = wanted.port(name);
  if (port == nullptr || !port->ephemeral) return;  // somebody has removed it, or taken it over
  std::erase_if(wanted.ports, [&](const PortConfig& other) { return other.spec.name == name; });
  const absl::Status changed = control_.Change(wanted);
  if (!changed.ok()) {
    return spdlog::error("port {}: it cannot be removed: {}", name, std::string(changed.message()));
  }
  monitor_.Publish("port", "deleted", {{"ifname", std::string(name)}});
}

bool Attacher::BelongsToAPort(int ifindex) const {
  return running_.commands.Call([&] {
    for (uint16_t id = 0; id < kMaxPorts; ++id) {
      const Port* const port = running_.worker.port(PortId{id});
      if (port == nullptr) continue;
      const PortStatus& status = port->status();
      if (status.ifindex == ifindex && status.netns == netns_->id()) return true;
    }
    return false;
  });
}

void Attacher::RemoveLeftOver(std::string_view name, int ifindex) {
  const PortConfig* const port = control_.config().port(name);
  const bool is_left_over =
      port != nullptr && port->ephemeral && ledger_.InterfaceOf(name) != ifindex;
  if (is_left_over) Detach(name);
}

}  // namespace tapswitch
