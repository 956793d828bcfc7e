#include "switch/control/methods/files/save_entries.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <tuple>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/quoting.h"

namespace tapswitch {
namespace {

// An entry in a VLAN that its port has left has no effect, and could not be set. That of an
// interface's address (kAnyVlan) comes with the interface. What is behind ports that come and go
// with their interfaces is no part of it, nor are they.
bool IsSaved(const BridgeControl& control, const MacEntry& entry) {
  if (entry.port == kBridgePort) return false;
  if (entry.state == MacEntryState::kLearned && !entry.extern_learn) return false;
  const PortConfig* const port = control.config().port(control.NameOf(entry.port));
  if (port == nullptr || port->ephemeral) return false;
  // What other machines announce is no part of it.
  if (entry.extern_learn && FindVniOf(control.config().evpn, port->spec.name) != nullptr) {
    return false;
  }
  return entry.vlan == kNoVlan || port->settings.vlans.members.contains(entry.vlan);
}

std::string VlanWords(const BridgeControl& control, VlanId vlan) {
  const bool filters = control.config().bridge.forwarding.vlan_filtering;
  return vlan == kNoVlan && !filters ? "" : fmt::format(" vlan {}", vlan.value);
}

std::string_view KindOf(const MacEntry& entry) {
  if (entry.extern_learn) return "extern_learn";
  return entry.state == MacEntryState::kStatic ? "static" : "permanent";
}

struct SavedEntry {
  MacEntry entry;
  std::string port;  // the name of the entry's port

  [[nodiscard]] auto key() const { return std::tie(entry.vlan, entry.address, port); }
  [[nodiscard]] bool IsOfSameAddress(const SavedEntry& other) const {
    return entry.vlan == other.entry.vlan && entry.address == other.entry.address;
  }
  [[nodiscard]] bool IsSame(const SavedEntry& other) const {
    return key() == other.key() && KindOf(entry) == KindOf(other.entry) &&
           entry.sticky == other.entry.sticky;
  }
};

// The entries that are saved, by VLAN, address and name of the port.
std::vector<SavedEntry> EntriesOf(const BridgeControl& control) {
  std::vector<SavedEntry> entries;
  control.VisitEntries([&](std::span<const MacEntry> some) {
    for (const MacEntry& entry : some) {
      if (IsSaved(control, entry)) entries.push_back({entry, control.NameOf(entry.port)});
    }
  });
  std::sort(entries.begin(), entries.end(),
            [](const SavedEntry& a, const SavedEntry& b) { return a.key() < b.key(); });
  return entries;
}

std::string EntryCommand(std::string_view verb, const SavedEntry& saved,
                         const BridgeControl& control) {
  const MacEntry& entry = saved.entry;
  std::string where = fmt::format("fdb {} {} dev {}{}", verb, entry.address.ToString(),
                                  Quoted(saved.port), VlanWords(control, entry.vlan));
  if (verb == "del") return where;
  return fmt::format("{} {}{}", where, KindOf(entry), entry.sticky ? " sticky" : "");
}

// `verb` for the first port of an address, `append` for further ones.
void AddEntries(std::string_view verb, std::span<const SavedEntry> entries,
                const BridgeControl& control, std::vector<std::string>& lines) {
  const SavedEntry* before = nullptr;
  for (const SavedEntry& entry : entries) {
    const bool is_further_port = before != nullptr && before->IsOfSameAddress(entry);
    lines.push_back(EntryCommand(is_further_port ? "append" : verb, entry, control));
    before = &entry;
  }
}

// The entries of `all` from `first` on that have its address.
std::span<const SavedEntry> GroupAt(std::span<const SavedEntry> all, size_t first) {
  size_t end = first;
  while (end < all.size() && all[end].IsOfSameAddress(all[first])) ++end;
  return all.subspan(first, end - first);
}

std::span<const SavedEntry> GroupOf(std::span<const SavedEntry> all, const SavedEntry& entry) {
  const auto address = [](const SavedEntry& saved) {
    return std::tie(saved.entry.vlan, saved.entry.address);
  };
  const auto first = std::lower_bound(
      all.begin(), all.end(), entry,
      [&](const SavedEntry& a, const SavedEntry& b) { return address(a) < address(b); });
  if (first == all.end() || !first->IsOfSameAddress(entry)) return {};
  return GroupAt(all, static_cast<size_t>(first - all.begin()));
}

bool AreSame(std::span<const SavedEntry> a, std::span<const SavedEntry> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const SavedEntry& x, const SavedEntry& y) { return x.IsSame(y); });
}

}  // namespace

bool IsKept(const PortConfig* other, const PortConfig& port) {
  return other != nullptr && other->spec == port.spec;
}

// An entry of the address of a port's own interface is there before the command is carried out.
void SaveEntries(const BridgeControl& control, std::vector<std::string>& lines) {
  const std::vector<SavedEntry> entries = EntriesOf(control);
  for (size_t at = 0; at < entries.size();) {
    const auto group = GroupAt(entries, at);
    at += group.size();
    const bool is_there = !control.FindEntry(kAnyVlan, group.front().entry.address).empty();
    AddEntries(is_there ? "replace" : "add", group, control, lines);
  }
}

std::vector<std::string> EntryCommandsBetween(const BridgeControl& before,
                                              const BridgeControl& after) {
  const auto has_gone = [&](const SavedEntry& saved) {
    const PortConfig* const port = after.config().port(saved.port);
    return port == nullptr || port->ephemeral || !IsKept(before.config().port(saved.port), *port);
  };
  std::vector<SavedEntry> from = EntriesOf(before);
  std::erase_if(from, has_gone);
  const std::vector<SavedEntry> to = EntriesOf(after);
  std::vector<std::string> lines;
  const auto remove = [&](const SavedEntry& saved) {
    const PortVlans& vlans = after.config().port(saved.port)->settings.vlans;
    const VlanId vlan = saved.entry.vlan;
    const bool can_be_named = vlan == kNoVlan || vlans.members.contains(vlan);
    if (can_be_named) lines.push_back(EntryCommand("del", saved, after));
  };
  for (size_t at = 0; at < from.size();) {
    const auto group = GroupAt(from, at);
    at += group.size();
    const auto wanted = GroupOf(to, group.front());
    const bool is_replaced = wanted.size() == 1 && group.size() == 1;
    if (AreSame(group, wanted) || is_replaced) continue;
    for (const SavedEntry& saved : group) remove(saved);
  }
  for (size_t at = 0; at < to.size();) {
    const auto group = GroupAt(to, at);
    at += group.size();
    if (!AreSame(group, GroupOf(from, group.front()))) AddEntries("replace", group, after, lines);
  }
  return lines;
}

}  // namespace tapswitch
