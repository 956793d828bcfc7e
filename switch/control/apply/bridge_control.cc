#include "switch/control/apply/bridge_control.h"

#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/apply/fdb_walk.h"

namespace tapswitch {
namespace {

// Reads the neighbours between two batches, and looks up the station of each.
constexpr size_t kNeighboursAtOnce = 512;

}  // namespace

BridgeControl::BridgeControl(Identity identity, const RunningSwitch& running)
    : identity_(std::move(identity)), running_(running), actuator_(running, identity_.address) {}

absl::Status BridgeControl::Change(const BridgeConfig& wanted) {
  const std::vector<Action> actions = Diff(config_, wanted);
  absl::Status carried = CarryOut(actions);
  if (!actions.empty()) descriptions_.Set(config_);
  return carried;
}

absl::Status BridgeControl::CarryOut(const std::vector<Action>& actions) {
  for (const Action& action : actions) {
    if (absl::Status carried = actuator_.Apply(action); !carried.ok()) return carried;
    if (const auto* const set = std::get_if<SetPort>(&action)) ForgetLocked(*set);
    ApplyTo(action, config_);
  }
  return absl::OkStatus();
}

// Locked entries go with `mab` (net/bridge/br_netlink.c, br_setport). To be called while config_ is
// what it was.
void BridgeControl::ForgetLocked(const SetPort& action) {
  if (!config_.port(action.name)->settings.mab || action.settings.mab) return;
  const auto id = actuator_.Find(action.name);
  if (!id) return;
  Flush([id](const MacEntry& entry) { return entry.locked && entry.port == *id; });
}

absl::StatusOr<PortId> BridgeControl::FindPort(std::string_view name) const {
  if (const auto id = actuator_.Find(name)) return *id;
  return absl::NotFoundError(
      fmt::format("'{}' is no port of {}: see tapctl port show", name, identity_.name));
}

std::string BridgeControl::NameOf(PortId id) const {
  if (id == kBridgePort) return identity_.name;
  const std::string_view name = actuator_.NameOf(id);
  return std::string(name.empty() ? "?" : name);
}

SwitchSnapshot BridgeControl::Snapshot() const {
  return snapshots_.Run([this] { return running_.workers.Snapshot(); });
}

SwitchSnapshot BridgeControl::SnapshotOfChange() const { return running_.workers.Snapshot(); }

absl::Status BridgeControl::AddEntry(FdbVerb verb, const FdbRequest& request) {
  return running_.commands.Call([&] {
    const PortState state = running_.worker.EffectiveState(request.port);
    return AddFdbEntry(running_.bridge.table(), verb, request, state, now());
  });
}

absl::Status BridgeControl::DeleteEntry(VlanId vlan, MacAddress address, PortId port) {
  return running_.commands.Call(
      [&] { return DeleteFdbEntry(running_.bridge.table(), vlan, address, port, now()); });
}

std::vector<MacEntry> BridgeControl::FindEntry(std::optional<VlanId> vlan,
                                               MacAddress address) const {
  return running_.commands.Call([&] {
    const MacTable& table = running_.bridge.table();
    if (vlan) return table.FindAll(*vlan, address, now());
    std::vector<MacEntry> all;
    for (uint16_t id = 0; id < kVlanCount; ++id) {
      for (const MacEntry& entry : table.FindAll(VlanId{id}, address, now())) {
        if (entry.vlan.value == id) all.push_back(entry);  // kAnyVlan: once
      }
    }
    return all;
  });
}

std::vector<VlanCounters> BridgeControl::CountersIn(const VlanSet& vlans, PortId port) const {
  return running_.commands.Call([&] {
    std::vector<VlanCounters> counters;
    vlans.ForEach(
        [&](VlanId vlan) { counters.push_back(running_.bridge.vlan_counters().Find(vlan, port)); });
    return counters;
  });
}

void BridgeControl::VisitEntries(
    const std::function<void(std::span<const MacEntry>)>& visit) const {
  tapswitch::VisitEntries(running_, visit);
}

uint64_t BridgeControl::Flush(const EntryFilter& unwanted) {
  return FlushEntries(running_, unwanted);
}

absl::StatusOr<Trace> BridgeControl::TraceFrame(PortId ingress,
                                                const EthernetHeader& header) const {
  return running_.commands.Call([&]() -> absl::StatusOr<Trace> {
    if (running_.worker.port(ingress) == nullptr) {
      return absl::FailedPreconditionError(
          fmt::format("port {} has no device: add it again", NameOf(ingress)));
    }
    return tapswitch::TraceFrame(running_.bridge.view(), running_.bridge.table(),
                                 running_.bridge.protocols(), ingress, header, now(),
                                 [this](PortId id) { return NameOf(id); });
  });
}

bool BridgeControl::Recover(PortId port) {
  return running_.commands.Call([&] { return running_.worker.Recover(port); });
}

BridgeControl::NeighbourEntry BridgeControl::WithPort(const Neighbour& neighbour, Tick now) const {
  const auto station = running_.bridge.table().Lookup(neighbour.vlan, neighbour.mac, now);
  const bool is_somewhere = station && !station->is_local && station->group == kNoGroup;
  return {neighbour, is_somewhere ? std::optional(station->port) : std::nullopt};
}

std::vector<BridgeControl::NeighbourEntry> BridgeControl::Neighbours() const {
  std::vector<NeighbourEntry> entries;
  entries.reserve(NeighbourTable::kCapacity);
  const Tick time = now();
  for (size_t first = 0; first < NeighbourTable::kCapacity; first += kNeighboursAtOnce) {
    running_.commands.Call([&] {
      running_.protocols.neighbours().table().VisitSome(
          first, kNeighboursAtOnce, time,
          [&](const Neighbour& neighbour) { entries.push_back(WithPort(neighbour, time)); });
    });
  }
  return entries;
}

uint64_t BridgeControl::FlushNeighbours(const NeighbourFilter& unwanted) {
  return running_.commands.Call([&] {
    const Tick time = now();
    return running_.protocols.neighbours().table().Erase(
        time, [&](const Neighbour& neighbour) { return unwanted(WithPort(neighbour, time)); });
  });
}

void BridgeControl::WatchTable(bool watch) {
  watched_ = watch;
  running_.commands.Call([&] { running_.fdb.Watch(watch); });
}

}  // namespace tapswitch
