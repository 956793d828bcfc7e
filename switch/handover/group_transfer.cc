#include "switch/handover/group_transfer.h"

#include <algorithm>

namespace tapswitch {
namespace {

// Copies groups between two batches.
constexpr size_t kGroupsBetweenBatches = 64;

GroupMemory MemoryOf(const GroupKey& key, const MulticastGroup& group) {
  GroupMemory memory{
      .key = key, .host = group.host, .known_until = group.known_until, .members = group.members()};
  for (GroupMember& member : memory.members) member.scheduled = {};
  return memory;
}

bool IsBefore(const GroupMemory& memory, const GroupKey& key) { return memory.key < key; }

// Null: there was none.
const GroupMemory* FindGroup(std::span<const GroupMemory> groups, const GroupKey& key) {
  const auto found = std::lower_bound(groups.begin(), groups.end(), key, IsBefore);
  return found == groups.end() || found->key != key ? nullptr : &*found;
}

}  // namespace

std::vector<GroupMemory> ReadGroups(const RunningSwitch& running) {
  std::vector<GroupKey> keys =
      running.commands.Call([&] { return running.bridge.groups().Keys(); });
  std::sort(keys.begin(), keys.end());
  std::vector<GroupMemory> groups;
  groups.reserve(keys.size());
  for (size_t first = 0; first < keys.size(); first += kGroupsBetweenBatches) {
    const size_t count = std::min(kGroupsBetweenBatches, keys.size() - first);
    running.commands.Call([&] {
      for (const GroupKey& key : std::span(keys).subspan(first, count)) {
        const MulticastGroup* const group = running.bridge.groups().Find(key);
        if (group != nullptr) groups.push_back(MemoryOf(key, *group));
      }
    });
  }
  return groups;
}

std::vector<GroupMemory> ReadChangedGroups(const RunningSwitch& running,
                                           std::span<const GroupMemory> before) {
  const MulticastTable& table = running.bridge.groups();
  std::vector<GroupMemory> changed;
  for (const GroupKey& key : table.Keys()) {
    GroupMemory now = MemoryOf(key, *table.Find(key));
    const GroupMemory* const known = FindGroup(before, key);
    if (known == nullptr || *known != now) changed.push_back(std::move(now));
  }
  for (const GroupMemory& known : before) {
    if (table.Find(known.key) == nullptr) {
      changed.push_back({.key = known.key, .host = {}, .known_until = {}, .members = {}});
    }
  }
  return changed;
}

void RestoreGroups(const RunningSwitch& running, std::span<const GroupMemory> groups,
                   const PortIds& ids) {
  for (const GroupMemory& group : groups) {
    GroupMemory here = group;
    std::erase_if(here.members, [&](GroupMember& member) {
      const auto found = ids.find(member.port);
      if (found != ids.end()) member.port = found->second;
      return found == ids.end();
    });
    running.bridge.groups().Restore(here);
  }
}

}  // namespace tapswitch
