#include "switch/control/apply/running_bridge.h"

#include <algorithm>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/apply/fdb_walk.h"

namespace tapswitch {
namespace {

// Reads the neighbours between two batches, and looks up the station of each.
constexpr size_t kNeighboursAtOnce = 512;

// Copies groups between two batches.
constexpr size_t kGroupsAtOnce = 64;

}  // namespace

RunningBridge::RunningBridge(Identity identity, const RunningSwitch& running)
    : BridgeControl(std::move(identity)),
      running_(running),
      actuator_(running, this->identity().address) {}

SwitchSnapshot RunningBridge::Snapshot() const {
  return snapshots_.Run([this] { return running_.workers.Snapshot(); });
}

SwitchSnapshot RunningBridge::SnapshotOfChange() const { return running_.workers.Snapshot(); }

absl::Status RunningBridge::AddEntry(FdbVerb verb, const FdbRequest& request) {
  return running_.commands.Call([&] {
    const PortState state = running_.worker.EffectiveState(request.port);
    return AddFdbEntry(running_.bridge.table(), verb, request, state, now());
  });
}

absl::Status RunningBridge::DeleteEntry(VlanId vlan, MacAddress address, PortId port) {
  return running_.commands.Call(
      [&] { return DeleteFdbEntry(running_.bridge.table(), vlan, address, port, now()); });
}

std::vector<MacEntry> RunningBridge::FindEntry(std::optional<VlanId> vlan,
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

std::vector<VlanCounters> RunningBridge::CountersIn(const VlanSet& vlans, PortId port) const {
  auto all = running_.commands.Call([&] {
    std::vector<VlanCounters> counters;
    vlans.ForEach(
        [&](VlanId vlan) { counters.push_back(running_.bridge.vlan_counters().Find(vlan, port)); });
    return counters;
  });
  if (running_.flows == nullptr) return all;
  auto counters = all.begin();
  vlans.ForEach([&](VlanId vlan) {
    const VlanCounters kernel = running_.flows->traffic().ReadVlan(vlan, port);
    counters->received += kernel.received;
    counters->sent += kernel.sent;
    ++counters;
  });
  return all;
}

void RunningBridge::VisitEntries(
    const std::function<void(std::span<const MacEntry>)>& visit) const {
  tapswitch::VisitEntries(running_, visit);
}

uint64_t RunningBridge::Flush(const EntryFilter& unwanted) {
  return FlushEntries(running_, unwanted);
}

absl::StatusOr<Trace> RunningBridge::TraceFrame(PortId ingress, const EthernetHeader& header,
                                                std::span<const std::byte> bytes) const {
  return running_.commands.Call([&]() -> absl::StatusOr<Trace> {
    if (running_.worker.port(ingress) == nullptr) {
      return absl::FailedPreconditionError(
          fmt::format("port {} has no device: add it again", NameOf(ingress)));
    }
    Trace trace = tapswitch::TraceFrame(running_.bridge.view(), running_.bridge.table(),
                                        running_.bridge.protocols(), ingress, header, now(),
                                        [this](PortId id) { return NameOf(id); },
                                        {&running_.bridge.groups(), bytes});
    if (trace.cacheable_step) trace.kernel_step = ExplainKernel(ingress, header);
    return trace;
  });
}

// Called on the worker's thread.
TraceStep RunningBridge::ExplainKernel(PortId ingress, const EthernetHeader& header) const {
  TraceStep step{.stage = "kernel", .verdict = "no", .text = {}};
  if (running_.flows == nullptr) {
    step.text = fmt::format("not carried by the kernel: {}", running_.why_no_kernel);
    return step;
  }
  const auto explained = running_.flows->Explain(ingress, header, now());
  const FlowAdvice& advice = explained.advice;
  if (advice.obstacle) {
    const auto cache = advice.cache_obstacle;
    const std::string_view why = cache ? kCacheObstacles[static_cast<size_t>(*cache)].text
                                       : kFlowObstacles[static_cast<size_t>(*advice.obstacle)].text;
    step.text = fmt::format("not carried by the kernel: {}", why);
    return step;
  }
  step.verdict = explained.is_carried ? "yes" : "not yet";
  step.text = explained.is_carried ? "carried by the kernel"
              : explained.is_pending
                  ? "carried by the kernel as soon as no earlier frame is on its way"
                  : "carried by the kernel once it has gone on for some frames";
  return step;
}

// The kernel is asked by this thread, as it takes a system call for each.
BridgeControl::KernelFlows RunningBridge::FlowsOfKernel() const {
  constexpr size_t kFlowsAtOnce = 1024;
  KernelFlows all{.why_none = running_.why_no_kernel, .refused = 0, .flows = {}};
  if (running_.flows == nullptr) return all;
  std::vector<ShownFlow> flows;
  for (std::optional<uint32_t> from = 0; from;) {
    from = running_.commands.Call([&] {
      all.refused = running_.flows->refused();
      return running_.flows->Show(*from, kFlowsAtOnce, flows);
    });
  }
  for (const ShownFlow& flow : flows) {
    const auto found = running_.kernel->Find(flow.key);
    if (!found) continue;  // it has ended since
    all.flows.push_back(
        {.flow = flow, .hits = found->hits, .is_pending = found->state == TAPSWITCH_FLOW_PENDING});
  }
  return all;
}

bool RunningBridge::Recover(PortId port) {
  return running_.commands.Call([&] { return running_.worker.Recover(port); });
}

void RunningBridge::CheckMigration(PortId port) {
  running_.commands.Call([&] { running_.protocols.spanning_tree().CheckMigration(port, now()); });
}

BridgeControl::NeighbourEntry RunningBridge::WithPort(const Neighbour& neighbour, Tick now) const {
  const auto station = running_.bridge.table().Lookup(neighbour.vlan, neighbour.mac, now);
  const bool is_somewhere = station && !station->is_local && station->group == kNoGroup;
  return {neighbour, is_somewhere ? std::optional(station->port) : std::nullopt};
}

std::vector<BridgeControl::NeighbourEntry> RunningBridge::Neighbours() const {
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

absl::Status RunningBridge::FixNeighbour(const Neighbour& neighbour) {
  NoteChange();
  return running_.commands.Call([&]() -> absl::Status {
    if (running_.bridge.view().neigh_suppressed().empty()) return NeighboursAreNotKept();
    if (running_.protocols.neighbours().table().Fix(neighbour, now())) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        "there is no room beside other neighbours that were set: tapctl neigh flush, or del some");
  });
}

uint64_t RunningBridge::FlushNeighbours(const NeighbourFilter& unwanted) {
  NoteChange();
  return running_.commands.Call([&] {
    const Tick time = now();
    return running_.protocols.neighbours().table().Erase(
        time, [&](const Neighbour& neighbour) { return unwanted(WithPort(neighbour, time)); });
  });
}

std::vector<BridgeControl::GroupEntry> RunningBridge::Groups() const {
  std::vector<GroupKey> keys =
      running_.commands.Call([&] { return running_.bridge.groups().Keys(); });
  std::sort(keys.begin(), keys.end());
  std::vector<GroupEntry> entries;
  entries.reserve(keys.size());
  for (size_t first = 0; first < keys.size(); first += kGroupsAtOnce) {
    const size_t count = std::min(kGroupsAtOnce, keys.size() - first);
    running_.commands.Call([&] {
      for (const GroupKey& key : std::span(keys).subspan(first, count)) {
        const MulticastGroup* const group = running_.bridge.groups().Find(key);
        if (group != nullptr) entries.emplace_back(key, *group);
      }
    });
  }
  return entries;
}

absl::Status RunningBridge::AddGroup(MdbVerb verb, const MdbRequest& request) {
  return running_.commands.Call([&] {
    MdbRequest made = request;
    made.is_port_up = request.port == kBridgePort ||
                      running_.worker.EffectiveState(request.port) != PortState::kDisabled;
    return AddMdbEntry(running_.bridge.groups(), verb, made, now());
  });
}

absl::Status RunningBridge::DeleteGroup(const GroupKey& key, PortId port, IpAddress source) {
  return running_.commands.Call(
      [&] { return DeleteMdbEntry(running_.bridge.groups(), key, port, source); });
}

BridgeControl::MulticastStatus RunningBridge::Multicast() const {
  return running_.commands.Call([&] {
    const MulticastSnooping& snooping = running_.protocols.multicast();
    MulticastStatus status{.vlans = snooping.Status(now()),
                           .deaf = snooping.deaf(),
                           .flooded = running_.bridge.groups().crowded(),
                           .refused = {},
                           .unwanted = running_.bridge.groups().unwanted()};
    const auto& refused = snooping.memberships().refused_by_port;
    for (uint16_t id = 0; id < kMaxPorts; ++id) {
      if (refused[id] != 0) status.refused.emplace_back(PortId{id}, refused[id]);
    }
    return status;
  });
}

uint32_t RunningBridge::GroupsOf(PortId port, VlanId vlan) const {
  if (port == kBridgePort) return 0;
  return running_.commands.Call([&] { return running_.bridge.groups().rows(port, vlan); });
}

void RunningBridge::WatchGroups(bool watch) {
  BridgeControl::WatchGroups(watch);
  running_.commands.Call([&] { running_.bridge.groups().set_watched(watch); });
}

void RunningBridge::WatchTable(bool watch) {
  BridgeControl::WatchTable(watch);
  running_.commands.Call([&] { running_.fdb.Watch(watch); });
}

}  // namespace tapswitch
