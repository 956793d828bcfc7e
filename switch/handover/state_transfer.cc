#include "switch/handover/state_transfer.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/methods/files/save.h"
#include "switch/handover/group_transfer.h"

namespace tapswitch {
namespace {

// Whether an entry is one that each process sets by itself: its own address, and those of
// interfaces.
bool IsOwnAddress(const MacEntry& entry) {
  return entry.port == kBridgePort || entry.vlan == kAnyVlan;
}

std::vector<MacEntry> WalkAll(const RunningSwitch& running) {
  const MacTable& table = running.bridge.table();
  std::vector<MacEntry> entries;
  MacTable::Cursor cursor = table.BeginWalk();
  constexpr size_t kAll = std::numeric_limits<size_t>::max();
  while (!table.Walk(cursor, kAll, running.clock.Now(), [&](const MacEntry& entry) {
    if (!IsOwnAddress(entry)) entries.push_back(entry);
  })) {
  }
  return entries;
}

auto KeyOf(const VlanLiveState& one) { return std::tie(one.vlan.value, one.port.value); }

bool ComesBefore(const VlanLiveState& a, const VlanLiveState& b) { return KeyOf(a) < KeyOf(b); }

const VlanLiveState* FindVlan(const LiveState& live, const VlanLiveState& wanted) {
  const auto found = std::lower_bound(live.vlans.begin(), live.vlans.end(), wanted, ComesBefore);
  return found == live.vlans.end() || KeyOf(*found) != KeyOf(wanted) ? nullptr : &*found;
}

std::optional<PortId> Translate(const PortIds& ids, PortId id) {
  const auto found = ids.find(id);
  return found == ids.end() ? std::nullopt : std::optional(found->second);
}

// The ports of `all` that are there, by their ids here.
template <typename Of>
void TranslateEach(std::vector<Of>& all, PortId Of::*port, const PortIds& ids) {
  std::erase_if(all, [&](Of& one) {
    const auto id = Translate(ids, one.*port);
    if (id) one.*port = *id;
    return !id;
  });
}

stp::Tree::Memory Translated(stp::Tree::Memory memory, const PortIds& ids) {
  TranslateEach(memory.ports, &stp::TreePort::id, ids);
  for (auto& port : memory.changes.ports) port = port ? Translate(ids, *port) : std::nullopt;
  return memory;
}

// Forgets what ports have heard that are not there.
SnoopingMemory Translated(SnoopingMemory memory, const PortIds& ids) {
  TranslateEach(memory.ports, &SnoopingMemory::Port::id, ids);
  for (SnoopingMemory::Context& context : memory.contexts) {
    TranslateEach(context.routers, &RouterPorts::Heard::port, ids);
    for (HeardQuerier* heard : {&context.querier.other, &context.querier.rival}) {
      const auto id = Translate(ids, heard->port);
      if (id) heard->port = *id;
      if (!id) *heard = {};
    }
  }
  return memory;
}

// Of those VLANs only that ports are in.
std::vector<VlanLiveState> ReadVlans(const RunningSwitch& running, const SwitchSnapshot& snapshot) {
  std::vector<VlanLiveState> vlans;
  const ForwardingView& view = running.bridge.view();
  if (!view.filters_vlans()) return vlans;
  for (uint16_t vlan = 0; vlan < kVlanCount; ++vlan) {
    for (const PortSnapshot& port : snapshot.ports) {
      const VlanCounters counters = running.bridge.vlan_counters().Find({vlan}, port.id);
      if (counters == VlanCounters{}) continue;
      vlans.push_back({.vlan = {vlan}, .port = port.id, .counters = counters});
    }
  }
  return vlans;
}

void RestoreEntry(const RunningSwitch& running, MacEntry entry, const PortIds& ids,
                  bool is_further_port) {
  const auto port = Translate(ids, entry.port);
  if (!port || IsOwnAddress(entry)) return;
  entry.port = *port;
  MacTable& table = running.bridge.table();
  const Tick now = running.clock.Now();
  // A table that is smaller than before may have no room.
  static_cast<void>(is_further_port ? table.Append(entry, now) : table.Restore(entry, now));
}

void RestoreChange(const RunningSwitch& running, const Change& change, const PortIds& ids) {
  MacTable& table = running.bridge.table();
  const MacEntry& entry = change.entry;
  const auto port = Translate(ids, entry.port);
  switch (change.kind) {
    case Change::Kind::kLearned:
    case Change::Kind::kMoved:
    case Change::Kind::kSet:
      return RestoreEntry(running, entry, ids, /*is_further_port=*/false);
    case Change::Kind::kAppended:
      return RestoreEntry(running, entry, ids, /*is_further_port=*/true);
    case Change::Kind::kAged:
    case Change::Kind::kFlushed:
    case Change::Kind::kErased:
      if (port && !IsOwnAddress(entry)) table.Erase(entry.vlan, entry.address, *port);
      return;
    case Change::Kind::kPortFlushed:
      if (port) table.FlushPort(*port);
      return;
    case Change::Kind::kVlanFlushed:
      return table.FlushVlan(entry.vlan);
    case Change::Kind::kHeld:
      return table.Hold(entry.vlan, entry.address);
    case Change::Kind::kReleased:
      static_cast<void>(table.ReleaseHold(entry.vlan, entry.address));
      return;
    case Change::Kind::kGate:
    case Change::Kind::kView:
      return;
  }
}

void RestorePort(const RunningSwitch& running, const PortLiveState& port, PortId id) {
  running.worker.lane().counters(id) += port.counters;
  running.bridge.port_guards().Restore(id, port.guards);
  if (port.shut_down) running.worker.RestoreShutDown(id, *port.shut_down);
}

void RestoreMove(const RunningSwitch& running, const MoveMemory& move) {
  running.bridge.port_guards().moves().Restore(move);
  if (running.clock.Now().centiseconds < move.held_until) {
    running.bridge.table().Hold(move.vlan, move.address);
  }
}

}  // namespace

std::vector<MacEntry> ReadEntries(const RunningSwitch& running, const BridgeControl& control,
                                  std::optional<ChangeReader>& reader) {
  running.commands.Call([&] { reader.emplace(running.bridge.journal()); });
  std::vector<MacEntry> entries;
  control.VisitEntries([&](std::span<const MacEntry> some) {
    for (const MacEntry& entry : some) {
      if (!IsOwnAddress(entry)) entries.push_back(entry);
    }
  });
  return entries;
}

std::vector<Neighbour> ReadNeighbours(const RunningSwitch& running) {
  std::vector<Neighbour> neighbours;
  running.commands.Call([&] {
    running.protocols.neighbours().table().VisitSome(
        0, NeighbourTable::kCapacity, running.clock.Now(),
        [&](const Neighbour& neighbour) { neighbours.push_back(neighbour); });
  });
  return neighbours;
}

LiveState ReadLive(const RunningSwitch& running, const SwitchSnapshot& snapshot) {
  LiveState live{.ports = {},
                 .vlans = ReadVlans(running, snapshot),
                 .moves = {},
                 .evictions = running.bridge.table().evictions(),
                 .loops = running.protocols.loop_detector().counters(),
                 .neighbours = running.protocols.neighbours().counters(),
                 .tree = running.protocols.spanning_tree().Remember(),
                 .snooping = running.protocols.multicast().Remember()};
  for (const PortSnapshot& port : snapshot.ports) {
    live.ports.push_back({.id = port.id,
                          .counters = port.counters,
                          .guards = running.bridge.port_guards().memory(port.id),
                          .shut_down = port.shut_down});
  }
  running.bridge.port_guards().moves().VisitAll(
      [&](const MoveMemory& move) { live.moves.push_back(move); });
  return live;
}

absl::StatusOr<FinalState> ReadFinal(const RunningSwitch& running, ChangeReader& reader,
                                     const PreparedState& before,
                                     const std::map<PortId, PortTraffic>& traffic) {
  FinalState state;
  bool is_complete = true;
  running.worker.lane().ForEachPort([&](const Port& port) {
    HandedPort handed{.id = port.identity().id};
    is_complete = is_complete && port.HandOverPaused(handed.handover);
    const bool is_empty = handed.handover.files.empty() && handed.handover.numbers.empty();
    if (!is_empty) state.ports.push_back(std::move(handed));
  });
  if (!is_complete) {
    return absl::ResourceExhaustedError("no descriptors are left: raise LimitNOFILE=");
  }
  state.has_entries = reader.needs_resync();
  if (state.has_entries) state.entries = WalkAll(running);
  reader.Read(ChangeJournal::kCapacity,
              [&](const Change& change) { state.changes.push_back(change); });
  state.groups = ReadChangedGroups(running, before.groups);
  SwitchSnapshot snapshot = running.workers.SnapshotByPrimary();
  snapshot.Add(traffic);
  state.live = ReadLive(running, snapshot);
  std::erase_if(state.live.vlans, [&](const VlanLiveState& now) {
    const VlanLiveState* const known = FindVlan(before.live, now);
    return known != nullptr && *known == now;
  });
  return state;
}

PreparedState ReadBridge(const RunningSwitch& running, const BridgeControl& control,
                         const Attacher& attacher, const std::string& version) {
  return {.version = version,
          .handovers = control.handover().count,
          .started = control.identity().started,
          .address = control.identity().address,
          .probe_key =
              running.commands.Call([&] { return running.protocols.loop_detector().sender().key; }),
          .commands = SaveConfigAsCommands(control),
          .settled = attacher.Settled()};
}

absl::StatusOr<HandedPort> ReadHandedPort(const RunningSwitch& running,
                                          const BridgeControl& control, const PortConfig& port) {
  const auto id = control.FindPort(port.spec.name);
  if (!id.ok()) return id.status();
  auto handover = ReadPort(running, *id, port.spec.name);
  if (!handover.ok()) return handover.status();
  return HandedPort{.name = port.spec.name,
                    .id = *id,
                    .ephemeral = port.ephemeral,
                    .attached_by = port.attached_by,
                    .handover = *std::move(handover)};
}

absl::StatusOr<PortHandover> ReadPort(const RunningSwitch& running, PortId id,
                                      const std::string& name) {
  PortHandover handover;
  HandOverInterface rest;
  bool is_possible = running.commands.Call([&] {
    const Port* const port = running.worker.port(id);
    if (port == nullptr) return true;  // it has no device, and is opened anew
    rest = port->hand_over_interface();
    return port->HandOver(0, handover);
  });
  is_possible = is_possible && running.workers.HandOverQueues(id, handover);
  if (!is_possible) {
    return absl::FailedPreconditionError(
        fmt::format("port {}: a port of its type cannot be handed over: remove it first (tapctl "
                    "port del {}), or restart the switch",
                    name, name));
  }
  if (!rest) return handover;
  const absl::Status added = running.links.Call([&] { return rest(handover); });
  if (added.ok()) return handover;
  return absl::Status(added.code(), fmt::format("port {}: {}", name, std::string(added.message())));
}

// The oldest first, as they age in that order.
void RestoreEntries(const RunningSwitch& running, std::vector<MacEntry> entries,
                    const PortIds& ids) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const MacEntry& a, const MacEntry& b) { return a.last_seen < b.last_seen; });
  for (const MacEntry& entry : entries) {
    // A static one may have several ports, and is listed for each.
    RestoreEntry(running, entry, ids, entry.state == MacEntryState::kStatic);
  }
}

void RestoreChanges(const RunningSwitch& running, std::span<const Change> changes,
                    const PortIds& ids) {
  for (const Change& change : changes) RestoreChange(running, change, ids);
}

void RestoreLive(const RunningSwitch& running, const LiveState& live, const PortIds& ids) {
  for (const PortLiveState& port : live.ports) {
    if (const auto id = Translate(ids, port.id)) RestorePort(running, port, *id);
  }
  for (const VlanLiveState& vlan : live.vlans) {
    const auto id = Translate(ids, vlan.port);
    if (id) running.bridge.vlan_counters().Add(vlan.vlan, *id, vlan.counters);
  }
  for (const MoveMemory& move : live.moves) RestoreMove(running, move);
  running.bridge.table().AddEvictions(live.evictions);
  running.protocols.loop_detector().SetCounters(live.loops);
  running.protocols.neighbours().SetCounters(live.neighbours);
  running.bridge.TellProtocols();  // of VLANs and members; all ports are still closed
  const Tick now = running.clock.Now();
  if (live.tree) running.protocols.RestoreTree(Translated(*live.tree, ids), now);
  if (live.snooping) running.protocols.RestoreSnooping(Translated(*live.snooping, ids), now);
}

void RestorePaused(const RunningSwitch& running, std::span<HandedPort> ports, const PortIds& ids) {
  for (HandedPort& handed : ports) {
    const auto id = Translate(ids, handed.id);
    Port* const port = id ? running.worker.lane().port(*id) : nullptr;
    if (port != nullptr) port->TakeOverPaused(handed.handover);
  }
  running.worker.NoticeAllPorts();
}

void UpdateLive(LiveState& live, LiveState now) {
  for (const VlanLiveState& vlan : live.vlans) {
    if (FindVlan(now, vlan) == nullptr) now.vlans.push_back(vlan);
  }
  std::sort(now.vlans.begin(), now.vlans.end(), ComesBefore);
  live = std::move(now);
}

}  // namespace tapswitch
