#include "switch/control/bridge_control.h"

#include <utility>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// Of the address table, between two batches: some tens of microseconds.
constexpr size_t kSlotsAtOnce = 4096;

}  // namespace

BridgeControl::BridgeControl(Identity identity, BridgeSettings initial,
                             const RunningSwitch& running)
    : identity_(std::move(identity)),
      running_(running),
      config_{.bridge = initial, .ports = {}},
      actuator_(running) {}

absl::Status BridgeControl::Change(const BridgeConfig& wanted) {
  for (const Action& action : Diff(config_, wanted)) {
    if (absl::Status carried = actuator_.Carry(action); !carried.ok()) return carried;
    Note(action, config_);
  }
  return absl::OkStatus();
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
  return running_.commands.Call([this] { return running_.worker.Snapshot(); });
}

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

std::vector<MacEntry> BridgeControl::FindEntry(VlanId vlan, MacAddress address) const {
  return running_.commands.Call(
      [&] { return running_.bridge.table().FindAll(vlan, address, now()); });
}

void BridgeControl::VisitEntries(
    const std::function<void(std::span<const MacEntry>)>& visit) const {
  std::vector<MacEntry> some;
  some.reserve(kSlotsAtOnce);
  const MacTable& table = running_.bridge.table();
  auto cursor = running_.commands.Call([&] { return table.BeginWalk(); });
  for (bool done = false; !done;) {
    some.clear();
    done = running_.commands.Call([&] {
      return table.Walk(cursor, kSlotsAtOnce, now(),
                        [&](const MacEntry& entry) { some.push_back(entry); });
    });
    visit(some);
  }
}

uint64_t BridgeControl::Flush(const EntryFilter& unwanted) {
  uint64_t flushed = 0;
  std::vector<MacEntry> some;
  MacTable& table = running_.bridge.table();
  auto cursor = running_.commands.Call([&] { return table.BeginWalk(); });
  for (bool done = false; !done;) {
    done = running_.commands.Call([&] {
      some.clear();
      const bool at_end = table.Walk(cursor, kSlotsAtOnce, now(), [&](const MacEntry& entry) {
        if (unwanted(entry)) some.push_back(entry);
      });
      for (const MacEntry& entry : some) {
        if (!table.Erase(entry.vlan, entry.address, entry.port)) continue;
        ++flushed;
        if (watched_) running_.fdb_log.Record({FdbEvent::Kind::kFlushed, entry, entry.port});
      }
      return at_end;
    });
  }
  return flushed;
}

absl::StatusOr<Trace> BridgeControl::TraceFrame(PortId ingress,
                                                const EthernetHeader& header) const {
  return running_.commands.Call([&]() -> absl::StatusOr<Trace> {
    if (running_.worker.port(ingress) == nullptr) {
      return absl::FailedPreconditionError(
          fmt::format("port {} has no device: add it again", NameOf(ingress)));
    }
    running_.worker.UpdateView();
    return tapswitch::TraceFrame(running_.bridge.view(), running_.bridge.table(), ingress, header,
                                 now(), [this](PortId id) { return NameOf(id); });
  });
}

void BridgeControl::WatchTable(bool watch) {
  watched_ = watch;
  running_.commands.Call(
      [&] { running_.bridge.table().set_event_log(watch ? &running_.fdb_log : nullptr); });
}

}  // namespace tapswitch
