// Static entries with several ports, and all that takes single ports out of the table.

#include <algorithm>

#include "switch/forwarding/fdb/mac_table.h"

namespace tapswitch {

bool MacTable::Append(const MacEntry& entry, Tick now) {
  const uint64_t key = KeyOf(entry.vlan, entry.address);
  const Index at = Locate(key);
  MacEntry wanted = entry;
  wanted.state = MacEntryState::kStatic;
  if (at == kNoIndex || slots_[at].state == MacEntryState::kLearned) return Set(wanted, now);
  if (slots_[at].state == MacEntryState::kPermanent) return false;
  return AppendToStatic(at, wanted, now);
}

bool MacTable::AppendToStatic(Index at, const MacEntry& entry, Tick now) {
  const Slot& slot = slots_[at];
  MacEntry wanted = entry;
  if (HasGroup(slot)) {
    groups_[slot.port - kFirstGroup].ports.insert(entry.port);
    wanted.port = PortId{slot.port};
  } else if (slot.port != entry.port.value) {
    const auto group = TakeGroup(slot.key);
    if (!group.has_value()) return false;
    groups_[*group].ports.insert(PortId{slot.port});
    groups_[*group].ports.insert(entry.port);
    wanted.port = PortId{static_cast<uint16_t>(kFirstGroup + *group)};
  }
  Unlink(at);
  Fill(at, wanted, now);
  CountChange(slot);  // on all ports that it was on, and on the new one
  MacEntry appended = EntryOf(slot);
  appended.port = entry.port;
  Record(Change::Kind::kAppended, appended, entry.port);
  return true;
}

std::optional<uint16_t> MacTable::TakeGroup(uint64_t key) {
  auto free = std::find_if(groups_.begin(), groups_.end(),
                           [](const Group& group) { return group.key == 0; });
  if (free == groups_.end()) {
    if (groups_.size() == kMaxGroups) return std::nullopt;
    free = groups_.insert(free, Group{});
  }
  free->key = key;
  return static_cast<uint16_t>(free - groups_.begin());
}

void MacTable::DropGroup(const Slot& slot) {
  if (HasGroup(slot)) groups_[slot.port - kFirstGroup] = {};
}

bool MacTable::Erase(VlanId vlan, MacAddress address, PortId port) {
  return EraseAs(Change::Kind::kErased, vlan, address, port);
}

bool MacTable::Flush(VlanId vlan, MacAddress address, PortId port) {
  return EraseAs(Change::Kind::kFlushed, vlan, address, port);
}

bool MacTable::EraseAs(Change::Kind why, VlanId vlan, MacAddress address, PortId port) {
  const Index at = Locate(KeyOf(vlan, address));
  if (at == kNoIndex || !IsOn(slots_[at], port)) return false;
  if (!HasGroup(slots_[at])) return EraseWhole(why, at);
  EraseFromGroup(at, port, why);
  return true;
}

// An entry with one port left becomes an ordinary one.
void MacTable::EraseFromGroup(Index at, PortId port, Change::Kind why) {
  CountChange(slots_[at]);
  MacEntry erased = EntryOf(slots_[at]);
  erased.port = port;
  Record(why, erased, port);
  PortSet& ports = groups_[slots_[at].port - kFirstGroup].ports;
  ports.erase(port);
  if (ports.size() > 1) return;
  MacEntry entry = EntryOf(slots_[at]);
  ports.ForEach([&](PortId last) { entry.port = last; });
  DropGroup(slots_[at]);
  Unlink(at);
  Fill(at, entry, entry.last_seen);
}

size_t MacTable::EraseFromGroups(PortId port, size_t max_entries) {
  size_t erased = 0;
  for (const Group& group : groups_) {
    if (erased == max_entries) break;
    if (!group.ports.contains(port)) continue;
    EraseFromGroup(Locate(group.key), port, Change::Kind::kErased);
    ++erased;
  }
  return erased;
}

bool MacTable::ErasePort(PortId port, size_t max_entries) {
  size_t left = max_entries;
  if (port != kBridgePort) {
    FlushPort(port);
    left -= EraseFromGroups(port, left);
    if (left == 0) return false;  // there may be more
  }
  const uint32_t list = kFixedLists + port.value;
  for (; left > 0 && lists_[list].size > 0; --left) {
    EraseWhole(Change::Kind::kErased, OldestOf(list));
  }
  return lists_[list].size == 0;
}

}  // namespace tapswitch
