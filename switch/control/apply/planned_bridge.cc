#include "switch/control/apply/planned_bridge.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

// The entries of a file: of a table that holds more, the running one shows whether they fit.
constexpr uint32_t kPlannedEntries = 1U << 16U;

constexpr size_t kPlannedSlotsAtOnce = 4096;

}  // namespace

PlannedBridge::PlannedBridge(Identity identity, BridgeConfig config)
    : BridgeControl(std::move(identity)),
      table_({.capacity = kPlannedEntries, .ageing = Ticks{30000}, .salt = 0}) {
  for (const PortConfig& port : config.ports) names_.push_back(port.spec.name);
  set_config(std::move(config));
}

void PlannedBridge::AdoptEntries(std::span<const MacEntry> entries,
                                 const std::function<std::string(PortId)>& name_of) {
  for (const MacEntry& entry : entries) {
    const bool is_learned = entry.state == MacEntryState::kLearned && !entry.extern_learn;
    const auto port = is_learned ? std::nullopt : Find(name_of(entry.port));
    if (!port) continue;
    // One that does not fit is said to be missing, and so is made again, which changes nothing.
    static_cast<void>(AddEntry(FdbVerb::kAppend, {.vlan = entry.vlan,
                                                  .address = entry.address,
                                                  .port = *port,
                                                  .state = entry.state,
                                                  .sticky = entry.sticky,
                                                  .extern_learn = entry.extern_learn}));
  }
}

absl::Status PlannedBridge::AddEntry(FdbVerb verb, const FdbRequest& request) {
  const PortConfig* const port = config().port(Name(request.port));
  const PortState state = port == nullptr ? PortState::kForwarding : port->settings.state;
  return AddFdbEntry(table_, verb, request, state, kNow);
}

absl::Status PlannedBridge::DeleteEntry(VlanId vlan, MacAddress address, PortId port) {
  return DeleteFdbEntry(table_, vlan, address, port, kNow);
}

std::vector<MacEntry> PlannedBridge::FindEntry(std::optional<VlanId> vlan,
                                               MacAddress address) const {
  if (vlan) return table_.FindAll(*vlan, address, kNow);
  std::vector<MacEntry> found;
  VisitEntries([&](std::span<const MacEntry> some) {
    std::copy_if(some.begin(), some.end(), std::back_inserter(found),
                 [&](const MacEntry& entry) { return entry.address == address; });
  });
  return found;
}

std::vector<VlanCounters> PlannedBridge::CountersIn(const VlanSet& vlans, PortId /*port*/) const {
  std::vector<VlanCounters> none;
  vlans.ForEach([&](VlanId) { none.emplace_back(); });
  return none;
}

void PlannedBridge::VisitEntries(
    const std::function<void(std::span<const MacEntry>)>& visit) const {
  std::vector<MacEntry> some;
  auto cursor = table_.BeginWalk();
  for (bool done = false; !done;) {
    some.clear();
    done = table_.Walk(cursor, kPlannedSlotsAtOnce, kNow,
                       [&](const MacEntry& entry) { some.push_back(entry); });
    visit(some);
  }
}

uint64_t PlannedBridge::Flush(const EntryFilter& unwanted) {
  std::vector<MacEntry> gone;
  VisitEntries([&](std::span<const MacEntry> some) {
    std::copy_if(some.begin(), some.end(), std::back_inserter(gone), unwanted);
  });
  uint64_t flushed = 0;
  for (const MacEntry& entry : gone) {
    flushed += table_.Erase(entry.vlan, entry.address, entry.port) ? 1 : 0;
  }
  return flushed;
}

void PlannedBridge::AdoptGroups(std::span<const GroupEntry> groups,
                                const std::function<std::string(PortId)>& name_of) {
  for (const auto& [key, group] : groups) {
    for (const MdbRequest& request : PermanentRequests(key, group)) {
      const bool is_host = request.port == kBridgePort;
      const auto port = is_host ? std::optional(kBridgePort) : Find(name_of(request.port));
      if (!port) continue;
      MdbRequest adopted = request;
      adopted.port = *port;
      static_cast<void>(AddGroup(MdbVerb::kReplace, adopted));
    }
  }
}

std::vector<BridgeControl::GroupEntry> PlannedBridge::Groups() const {
  std::vector<GroupKey> keys = groups_.Keys();
  std::sort(keys.begin(), keys.end());
  std::vector<GroupEntry> entries;
  entries.reserve(keys.size());
  for (const GroupKey& key : keys) entries.emplace_back(key, *groups_.Find(key));
  return entries;
}

absl::Status PlannedBridge::AddGroup(MdbVerb verb, const MdbRequest& request) {
  groups_.set_most_groups(MulticastTable::kMostGroups);
  return AddMdbEntry(groups_, verb, request, kNow);
}

absl::Status PlannedBridge::DeleteGroup(const GroupKey& key, PortId port, IpAddress source) {
  return DeleteMdbEntry(groups_, key, port, source);
}

void PlannedBridge::AdoptNeighbours(std::span<const NeighbourEntry> neighbours) {
  for (const NeighbourEntry& entry : neighbours) {
    if (entry.neighbour.is_by_user()) static_cast<void>(FixNeighbour(entry.neighbour));
  }
}

// They are forgotten with the last port that has neigh_suppress.
std::vector<BridgeControl::NeighbourEntry> PlannedBridge::Neighbours() const {
  std::vector<NeighbourEntry> entries;
  if (!KeepsNeighbours()) return entries;
  for (const auto& [key, neighbour] : neighbours_) {
    const auto station = table_.Find(neighbour.vlan, neighbour.mac, kNow);
    entries.push_back({neighbour, station ? std::optional(station->port) : std::nullopt});
  }
  return entries;
}

absl::Status PlannedBridge::FixNeighbour(const Neighbour& neighbour) {
  if (!KeepsNeighbours()) return NeighboursAreNotKept();
  const auto [place, is_new] =
      neighbours_.insert_or_assign(std::pair(neighbour.vlan, neighbour.address), neighbour);
  place->second.fixed = true;
  if (neighbours_.size() <= NeighbourTable::kCapacity) return absl::OkStatus();
  neighbours_.erase(place);
  return absl::ResourceExhaustedError(
      fmt::format("there is room for {} neighbours: leave some out", NeighbourTable::kCapacity));
}

uint64_t PlannedBridge::FlushNeighbours(const NeighbourFilter& unwanted) {
  uint64_t flushed = 0;
  for (const NeighbourEntry& entry : Neighbours()) {
    if (!unwanted(entry)) continue;
    flushed += neighbours_.erase(std::pair(entry.neighbour.vlan, entry.neighbour.address));
  }
  return flushed;
}

absl::StatusOr<Trace> PlannedBridge::TraceFrame(PortId /*ingress*/,
                                                const EthernetHeader& /*header*/,
                                                std::span<const std::byte> /*bytes*/) const {
  return absl::FailedPreconditionError("trace: a plan carries no frames: leave it out");
}

absl::Status PlannedBridge::Apply(const Action& action) {
  if (const auto* const add = std::get_if<AddPort>(&action)) {
    auto free = std::find(names_.begin(), names_.end(), "");
    if (free == names_.end()) free = names_.insert(free, "");
    if (names_.size() > kMaxPorts) {
      return absl::ResourceExhaustedError(
          fmt::format("port {}: a bridge has at most {} ports", add->port.spec.name, kMaxPorts));
    }
    *free = add->port.spec.name;
  } else if (const auto* const remove = std::get_if<RemovePort>(&action)) {
    const PortId id = *Find(remove->name);
    Flush([id](const MacEntry& entry) { return entry.port == id; });
    groups_.EraseIf([id](const GroupKey&, const GroupMember& member) { return member.port == id; });
    names_[id.value].clear();
  }
  return absl::OkStatus();
}

std::optional<PortId> PlannedBridge::Find(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (name.empty() || found == names_.end()) return std::nullopt;
  return PortId{static_cast<uint16_t>(found - names_.begin())};
}

std::string_view PlannedBridge::Name(PortId id) const {
  return id.value < names_.size() ? std::string_view(names_[id.value]) : std::string_view();
}

}  // namespace tapswitch
