#include "switch/control/apply/actuator.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "ports/port_types.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"
#include "switch/control/apply/fdb_walk.h"

namespace tapswitch {

Actuator::Actuator(RunningSwitch running, MacAddress own_address)
    : running_(std::move(running)), own_address_(own_address), names_(kMaxPorts) {}

absl::Status Actuator::Apply(const Action& action) {
  return std::visit([this](const auto& one) { return ApplyOne(one); }, action);
}

std::optional<PortId> Actuator::Find(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (name.empty() || found == names_.end()) return std::nullopt;
  return PortId{static_cast<uint16_t>(found - names_.begin())};
}

std::string_view Actuator::NameOf(PortId id) const {
  return id.value < names_.size() ? std::string_view(names_[id.value]) : std::string_view();
}

absl::Status Actuator::ApplyOne(const SetBridge& action) {
  const BridgeForwarding& forwarding = action.settings.forwarding;
  running_.commands.Call([&] {
    running_.worker.SetAgeing(action.settings.ageing);
    running_.bridge.table().set_max_learned(action.settings.fdb_max_learned);
  });
  running_.workers.SetForwarding(forwarding);
  running_.commands.Call([&] {
    const Tick now = running_.clock.Now();
    running_.protocols.SetLoopDetection(action.settings.loop, now);
    running_.protocols.SetSpanningTree(action.settings.tree, own_address_, now);
    running_.protocols.SetMulticast(action.settings.multicast, now);
  });
  SetOwnAddress(forwarding.vlan_filtering ? action.settings.vlans.members : VlanSet());
  return absl::OkStatus();
}

// A few entries at a time, so that frames never wait long.
void Actuator::SetOwnAddress(const VlanSet& vlans) {
  const auto change = [this](VlanId vlan, bool is_there) {
    MacTable& table = running_.bridge.table();
    if (is_there) {
      // If the table is full, frames to this address are flooded, which reaches its owner as well.
      static_cast<void>(table.Set({.vlan = vlan,
                                   .address = own_address_,
                                   .port = kBridgePort,
                                   .state = MacEntryState::kPermanent},
                                  running_.clock.Now()));
    } else {
      static_cast<void>(table.Erase(vlan, own_address_, kBridgePort));
    }
  };
  const auto change_all = [&](const VlanSet& some, bool is_there) {
    some.ForEach([&](VlanId vlan) { running_.commands.Call([&] { change(vlan, is_there); }); });
  };
  change_all(own_vlans_ - vlans, false);
  change_all(vlans - own_vlans_, true);
  own_vlans_ = vlans;
}

absl::Status Actuator::ApplyOne(const AddPort& action) {
  const auto id = FreeId(action.port.spec.name);
  if (!id) {
    return absl::ResourceExhaustedError(
        fmt::format("port {}: a bridge has at most {} ports", action.port.spec.name, kMaxPorts));
  }
  auto queues = Open(*id, action.port);
  if (!queues.ok()) return queues.status();
  running_.workers.ClearCounters(*id);
  NoteEphemeral(*id, action.port);
  absl::Status attached = Attach(*id, *std::move(queues), action.port.settings);
  if (attached.ok()) {
    names_[id->value] = action.port.spec.name;
  } else {
    ForgetImpairments(*id);
  }
  return attached;
}

absl::Status Actuator::ApplyOne(const ReopenPort& action) {
  const PortId id = *Find(action.port.spec.name);
  auto queues = Open(id, action.port);
  if (!queues.ok()) return queues.status();
  running_.workers.RemovePort(id);
  NoteEphemeral(id, action.port);
  return Attach(id, *std::move(queues), action.port.settings);
}

absl::Status Actuator::ApplyOne(const RemovePort& action) {
  const PortId id = *Find(action.name);
  running_.workers.RemovePort(id);
  ForgetImpairments(id);
  ForgetGuest(id);
  Forget(id);
  // The worker publishes events after its commands: when it runs the next one, all are published.
  running_.commands.Call([] {});
  if (before_forgetting_) before_forgetting_(id);
  names_[id.value].clear();
  return absl::OkStatus();
}

absl::Status Actuator::ApplyOne(const SetPort& action) {
  const PortId id = *Find(action.name);
  auto impairments = MakeImpairments(id, action.settings);
  if (!impairments.ok()) return impairments.status();
  if (absl::Status followed = FollowCarrier(id, action.settings); !followed.ok()) return followed;
  running_.commands.Call([&] { SetLimits(id, action.settings); });
  running_.workers.SetForwarding(Forwarding(id, action.settings));
  SetImpairments(id, action.settings, *std::move(impairments));
  if (!action.left.empty()) Forget(id, action.left);
  return absl::OkStatus();
}

// A direction that has not changed goes on, with its seed, its schedule, and what it holds.
absl::StatusOr<Actuator::NewImpairments> Actuator::MakeImpairments(PortId id,
                                                                   const PortSettings& settings) {
  NewImpairments made;
  const auto& known = impairments_[id];
  for (size_t i = 0; i < kPortDirectionCount; ++i) {
    if (known[i] == settings.impairments[i]) continue;
    auto impaired = Workers::MakeImpaired(settings.impairments[i]);
    if (!impaired.ok()) return impaired.status();
    made[i] = *std::move(impaired);
  }
  return made;
}

void Actuator::SetImpairments(PortId id, const PortSettings& settings, NewImpairments impairments) {
  for (size_t i = 0; i < kPortDirectionCount; ++i) {
    if (!impairments[i]) continue;
    running_.workers.SetImpairment(id, static_cast<PortDirection>(i), *std::move(impairments[i]));
  }
  impairments_[id] = settings.impairments;
}

void Actuator::ForgetImpairments(PortId id) {
  const auto known = impairments_.extract(id);
  const bool was_impaired =
      !known.empty() && std::any_of(known.mapped().begin(), known.mapped().end(),
                                    [](const ImpairmentPlan& plan) { return plan.is_on(); });
  if (was_impaired) running_.workers.ForgetImpairments(id);
}

absl::Status Actuator::ApplyOne(const RemoveMirror& action) {
  std::erase_if(mirrors_, [&](const auto& mirror) { return mirror.name == action.name; });
  SetMirrors();
  return absl::OkStatus();
}

absl::Status Actuator::ApplyOne(const AddMirror& action) {
  mirrors_.push_back(action.mirror);
  SetMirrors();
  return absl::OkStatus();
}

absl::Status Actuator::ApplyOne(const MakeVni& action) {
  if (vnis_ != nullptr) return vnis_->Make(action.vni);
  return absl::UnimplementedError("evpn: this switch has no thread for it");
}

absl::Status Actuator::ApplyOne(const JoinVni& action) {
  PortHandover* const inherited = FindInherited(action.vni.dev);
  return vnis_->Join(action.vni,
                     inherited == nullptr ? FileDescriptor() : inherited->Take(kShadowFile));
}

absl::Status Actuator::ApplyOne(const LeaveVni& action) {
  vnis_->Leave(action.vni);
  return absl::OkStatus();
}

absl::Status Actuator::ApplyOne(const FreeVni& action) {
  vnis_->Free(action.vni);
  return absl::OkStatus();
}

void Actuator::SetMirrors() {
  std::vector<MirrorForwarding> mirrors;
  for (const MirrorConfig& mirror : mirrors_) {
    MirrorForwarding& made =
        mirrors.emplace_back(MirrorForwarding{.vlans = mirror.vlans,
                                              .ingress = mirror.ingress,
                                              .egress = mirror.egress,
                                              .destination = *Find(mirror.destination)});
    for (const std::string& port : mirror.ports) made.ports.insert(*Find(port));
  }
  running_.workers.SetMirrors(std::move(mirrors));
}

// The number of a port in the spanning tree follows from its id, so a port keeps that.
std::optional<PortId> Actuator::FreeId(std::string_view name) const {
  const auto kept = inherited_ids_.find(name);
  if (kept != inherited_ids_.end() && names_[kept->second.value].empty()) return kept->second;
  const auto free = std::find(names_.begin(), names_.end(), "");
  if (free == names_.end()) return std::nullopt;
  return PortId{static_cast<uint16_t>(free - names_.begin())};
}

PortHandover* Actuator::FindInherited(std::string_view name) const {
  if (inherited_ == nullptr) return nullptr;
  const auto found = inherited_->find(name);
  return found == inherited_->end() ? nullptr : &found->second;
}

absl::StatusOr<Actuator::Queues> Actuator::Open(PortId id, const PortConfig& port) {
  const auto identities = running_.workers.Identities(
      {.id = id, .generation = generations_[id.value]++, .name = port.spec.name});
  AttachNotes notes;
  auto queues = MakePortQueues(port.spec, identities,
                               {.monitor = running_.links.monitor(),
                                .share_link =
                                    [this](const PortIdentity& identity, LinkQuery query) {
                                      return running_.links.Share(identity, std::move(query));
                                    },
                                .listeners = listeners_,
                                .notes = notes,
                                .missing = missing_,
                                .switchover = switchover_,
                                .kernel = running_.kernel,
                                .inherited = FindInherited(port.spec.name),
                                .link_place = running_.link_place});
  if (!queues.ok()) return queues;
  for (const std::string& line : notes.warnings) Warn(port.spec.name, line);
  WarnOfStations(id, port, notes.address);
  return queues;
}

void Actuator::Warn(std::string_view port, std::string_view line) {
  // A caller that adds ports and never takes the warnings, as --attach does, must not fill the
  // memory.
  constexpr size_t kMostWarnings = 256;
  spdlog::warn("port {}: {}", port, line);
  if (warnings_.size() < kMostWarnings) warnings_.push_back(fmt::format("port {}: {}", port, line));
}

// Warns of a station, or another interface, that has the address of the port's own. (An alarm tells
// of what comes later, OwnAddresses::ActOnRivals.)
void Actuator::WarnOfStations(PortId id, const PortConfig& port, MacAddress address) {
  if (address.is_zero() || port.ephemeral) return;
  VlanSet vlans = port.settings.vlans.members;
  vlans.insert(kNoVlan);
  vlans.insert(kAnyVlan);
  const auto rivals = running_.commands.Call(
      [&] { return running_.bridge.table().FindRivals(vlans, address, id, running_.clock.Now()); });
  if (rivals.empty()) return;
  const MacEntry& rival = rivals.front();
  const bool is_station = rival.state != MacEntryState::kPermanent;
  const std::string_view name = NameOf(rival.port);
  Warn(port.spec.name,
       fmt::format("{} is the address of its interface, and of {} {}, {}: give one of them another "
                   "address (ip link set dev {} address ...)",
                   address.ToString(), is_station ? "a station behind" : "port",
                   name.empty() ? "of the bridge itself" : name,
                   is_station ? "which keeps its frames" : "which counts as the bridge's own",
                   port.spec.name));
}

void Actuator::NoteEphemeral(PortId id, const PortConfig& port) {
  if (port.ephemeral) {
    ephemeral_.insert(id);
  } else {
    ephemeral_.erase(id);
  }
}

// The host is excluded from frames of guests, so it does not wait for frames to its address.
PortForwarding Actuator::Forwarding(PortId id, const PortSettings& settings) const {
  PortForwarding forwarding = ForwardingOf(id, settings);
  forwarding.lists_own_address = !ephemeral_.contains(id);
  return forwarding;
}

absl::Status Actuator::Attach(PortId id, Queues queues, const PortSettings& settings) {
  running_.commands.Call([&] { SetLimits(id, settings); });
  auto impairments = MakeImpairments(id, settings);
  if (!impairments.ok()) return impairments.status();
  SetImpairments(id, settings, *std::move(impairments));
  off_.erase(id);
  absl::Status added = running_.workers.AddPort(std::move(queues), Forwarding(id, settings));
  if (!added.ok()) return added;
  const absl::Status followed = FollowCarrier(id, settings);
  if (!followed.ok()) spdlog::warn("{}", std::string(followed.message()));
  return absl::OkStatus();
}

absl::Status Actuator::FollowCarrier(PortId id, const PortSettings& settings) {
  if (absl::Status followed = FollowGuest(id, settings.guest); !followed.ok()) return followed;
  if (settings.carrier != off_.contains(id)) return absl::OkStatus();
  return SetCarrier(id, settings.carrier);
}

// A guest that is no longer told sees a carrier again.
absl::Status Actuator::FollowGuest(PortId id, const std::optional<GuestPlace>& guest) {
  const auto known = guest_places_.find(id);
  const bool is_known =
      known == guest_places_.end() ? !guest : guest.has_value() && known->second == *guest;
  if (is_known) return absl::OkStatus();
  if (guest && guests_ == nullptr) return absl::UnimplementedError("qmp: there are no guests here");
  if (off_.contains(id)) {
    if (absl::Status on = SetCarrier(id, true); !on.ok()) return on;
  }
  ForgetGuest(id);
  if (guest) guest_places_.insert_or_assign(id, *guest);
  return absl::OkStatus();
}

void Actuator::ForgetGuest(PortId id) {
  const auto known = guest_places_.extract(id);
  if (known.empty()) return;
  if (off_.contains(id)) guests_->Tell(known.mapped(), true);
  guests_->Abandon(known.mapped());
}

// Nothing passes while the other end sees none.
absl::Status Actuator::SetCarrier(PortId id, bool is_on) {
  if (absl::Status told = TellOtherEnd(id, is_on); !told.ok()) return told;
  running_.commands.Call([&] { running_.worker.SetCarrier(id, is_on); });
  if (is_on) {
    off_.erase(id);
  } else {
    off_.insert(id);
  }
  return absl::OkStatus();
}

absl::Status Actuator::TellOtherEnd(PortId id, bool is_on) {
  if (const auto guest = guest_places_.find(id); guest != guest_places_.end()) {
    guests_->Tell(guest->second, is_on);
    return absl::OkStatus();
  }
  const PortLife::CarrierSwitch change = running_.commands.Call([&] {
    const Port* const port = running_.worker.port(id);
    return port == nullptr ? nullptr : port->carrier_switch();
  });
  if (!change) {
    return absl::FailedPreconditionError(
        "carrier: the other end of such a port cannot be told: name QEMU's socket (qmp SOCKET id "
        "ID), or shut the port (tapctl link set dev NAME state disabled)");
  }
  return running_.links.Call([&] { return change(is_on); });
}

// Called on the worker's thread.
void Actuator::SetLimits(PortId id, const PortSettings& settings) {
  MacTable& table = running_.bridge.table();
  table.set_max_learned(id, settings.fdb_max_learned);
  table.set_replaces_at_limit(id, settings.security.at_limit == LimitAction::kReplace);
}

// All entries of the port, a few at a time, so that frames never wait long.
void Actuator::Forget(PortId id) {
  constexpr size_t kEntriesAtOnce = 1024;
  running_.commands.Call([&] {
    running_.bridge.groups().EraseIf(
        [id](const GroupKey&, const GroupMember& member) { return member.port == id; });
  });
  const auto forget_some = [&] { return running_.bridge.table().ErasePort(id, kEntriesAtOnce); };
  while (!running_.commands.Call(forget_some)) {
  }
}

// Removes the entries that were learned behind the port in these VLANs.
void Actuator::Forget(PortId id, const VlanSet& vlans) {
  FlushEntries(running_, [&](const MacEntry& entry) {
    return entry.port == id && entry.state == MacEntryState::kLearned && !entry.extern_learn &&
           vlans.contains(entry.vlan);
  });
}

}  // namespace tapswitch
