#include "switch/control/evpn/station_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include "switch/control/apply/fdb_walk.h"

namespace tapswitch {
namespace {

// What is done between two batches of frames.
constexpr size_t kChangesAtOnce = 1024;
constexpr size_t kAddressesAtOnce = 256;

StationTable::Outcome CarryOutOne(MacTable& table, VlanId vlan, PortId tunnel,
                                  const FdbOperation& operation, Tick now) {
  const auto entries = table.FindAll(vlan, operation.address, now);
  const StationSighting present = SightingOf(entries, tunnel);
  StationTable::Outcome outcome;
  if (operation.kind == FdbOperation::Kind::kRemove) {
    const auto ours = std::find_if(entries.begin(), entries.end(), [&](const MacEntry& entry) {
      return entry.port == tunnel && entry.extern_learn;
    });
    if (ours == entries.end()) {
      outcome.instead = present;
    } else {
      outcome.changed = *ours;
      table.Erase(vlan, operation.address, tunnel);
    }
    return outcome;
  }
  const StationSighting& expected = operation.expected;
  if (present.place != expected.place ||
      (present.place == StationPlace::kLocal && present.port != expected.port)) {
    outcome.instead = present;
    return outcome;
  }
  const MacEntry entry{.vlan = vlan,
                       .address = operation.address,
                       .port = tunnel,
                       .sticky = operation.sticky,
                       .extern_learn = true};
  outcome.is_full = !table.Set(entry, now);
  if (!outcome.is_full) outcome.changed = entry;
  return outcome;
}

}  // namespace

StationSighting SightingOf(std::span<const MacEntry> entries, PortId tunnel) {
  StationSighting seen;
  for (const MacEntry& entry : entries) {
    const bool is_station = entry.state != MacEntryState::kPermanent && entry.port != kBridgePort &&
                            entry.vlan != kAnyVlan && !entry.locked;
    if (!is_station) continue;
    if (entry.port != tunnel) {
      // An entry that somebody made by hand does not move either.
      const bool is_by_hand = entry.state == MacEntryState::kStatic && !entry.extern_learn;
      return {
          .place = StationPlace::kLocal, .sticky = entry.sticky || is_by_hand, .port = entry.port};
    }
    if (entry.extern_learn) seen = {.place = StationPlace::kRemote, .sticky = entry.sticky};
  }
  return seen;
}

void StationTable::Follow(bool followed) {
  running_.commands.Call([&] { running_.fdb.Follow(followed); });
}

StationTable::News StationTable::TakeNews(const VlanSet& vlans) {
  return running_.commands.Call([&] {
    News news;
    std::set<std::pair<VlanId, MacAddress>> keys;
    const auto read = running_.fdb.ReadFollowed(kChangesAtOnce, [&](const Change& change) {
      using enum Change::Kind;
      if (change.kind == kPortFlushed) news.flushed_ports.push_back(change.entry.port);
      if (change.kind == kVlanFlushed) news.flushed_vlans.push_back(change.entry.vlan);
      const bool is_entry = change.kind != kGate && change.kind != kView &&
                            change.kind != kPortFlushed && change.kind != kVlanFlushed;
      if (is_entry && vlans.contains(change.entry.vlan)) {
        keys.emplace(change.entry.vlan, change.entry.address);
      }
    });
    news.is_complete = read.has_value();
    news.has_more = read == kChangesAtOnce;
    if (!read) running_.fdb.Refollow();
    const Tick now = running_.clock.Now();
    for (const auto& [vlan, address] : keys) {
      news.addresses.push_back(
          {vlan, address, running_.bridge.table().FindAll(vlan, address, now)});
    }
    return news;
  });
}

std::vector<StationTable::News::Address> StationTable::Find(
    VlanId vlan, std::span<const MacAddress> addresses) const {
  std::vector<News::Address> found;
  found.reserve(addresses.size());
  for (size_t first = 0; first < addresses.size(); first += kAddressesAtOnce) {
    const auto some =
        addresses.subspan(first, std::min(kAddressesAtOnce, addresses.size() - first));
    running_.commands.Call([&] {
      const Tick now = running_.clock.Now();
      for (const MacAddress address : some) {
        found.push_back({vlan, address, running_.bridge.table().FindAll(vlan, address, now)});
      }
    });
  }
  return found;
}

void StationTable::VisitAll(const std::function<void(const MacEntry&)>& visit) const {
  VisitEntries(running_, [&](std::span<const MacEntry> some) {
    for (const MacEntry& entry : some) visit(entry);
  });
}

std::vector<StationTable::Outcome> StationTable::CarryOut(
    VlanId vlan, PortId tunnel, std::span<const FdbOperation> operations) const {
  std::vector<Outcome> outcomes;
  outcomes.reserve(operations.size());
  for (size_t first = 0; first < operations.size(); first += kAddressesAtOnce) {
    const auto some =
        operations.subspan(first, std::min(kAddressesAtOnce, operations.size() - first));
    running_.commands.Call([&] {
      MacTable& table = running_.bridge.table();
      const Tick now = running_.clock.Now();
      for (const FdbOperation& operation : some) {
        outcomes.push_back(CarryOutOne(table, vlan, tunnel, operation, now));
      }
    });
  }
  return outcomes;
}

// A station that moved here keeps its address until it speaks again.
size_t StationTable::Install(VlanId vlan, PortId tunnel,
                             std::span<const NeighbourSynchroniser::Installation> changes) const {
  if (changes.empty()) return 0;
  return running_.commands.Call([&] {
    size_t refused = 0;
    NeighbourTable& neighbours = running_.protocols.neighbours().table();
    const Tick now = running_.clock.Now();
    for (const auto& [address, owner] : changes) {
      const Neighbour* const known = neighbours.Find(vlan, address, now);
      // One that a user has set stays.
      if (known != nullptr && known->is_by_user()) continue;
      if (owner) {
        // Without room it is asked for as ever.
        const bool is_set = neighbours.Fix({.address = address,
                                            .mac = owner->mac,
                                            .vlan = vlan,
                                            .is_router = owner->router,
                                            .extern_learn = true},
                                           now);
        if (!is_set) ++refused;
        continue;
      }
      if (known == nullptr) continue;
      const auto station = running_.bridge.table().Lookup(vlan, known->mac, now);
      neighbours.Unfix(vlan, address, station && station->port != tunnel, now);
    }
    return refused;
  });
}

void StationTable::ForgetNeighbours(VlanId vlan,
                                    const std::function<bool(IpAddress)>& is_known) const {
  running_.commands.Call([&] {
    running_.protocols.neighbours().table().Erase(running_.clock.Now(), [&](const Neighbour& one) {
      return one.vlan == vlan && one.fixed && one.extern_learn && !is_known(one.address);
    });
  });
}

}  // namespace tapswitch
