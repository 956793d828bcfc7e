// A naive model of MacTable's contract. It is a std::map in which flushed entries are erased at
// once (but for those of a flushed VLAN, which keep their room), and which looks at all its entries
// to find the one to evict.

#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "switch/forwarding/fdb/mac_table.h"

namespace tapswitch {

class MacTableModel {
 public:
  using Key = std::pair<VlanId, MacAddress>;

  MacTableModel(uint32_t capacity, Ticks initial_ageing)
      : ageing(initial_ageing), capacity_(capacity) {}

  LearnResult Learn(const Key& key, PortId port, Tick now) {
    const auto found = entries_.find(key);
    const bool live = found != entries_.end() && IsLive(found->second, now);
    Entry wanted{.ports = {port}};
    bool counts_already = false;
    if (live) {
      Entry& entry = found->second;
      if (entry.state == MacEntryState::kPermanent) return LearnResult::kLocal;
      if (entry.ports.contains(port)) {
        if (entry.last_seen != now) See(entry, now);
        return LearnResult::kRefreshed;
      }
      if (entry.state == MacEntryState::kStatic || entry.sticky) return LearnResult::kPinned;
      wanted.by_user = entry.by_user && !entry.extern_learn;
      counts_already = IsPlain(entry);
    }
    if (ageing == Ticks{0}) return LearnResult::kRefused;
    if (found != entries_.end() && !live) entries_.erase(found);
    if (!wanted.by_user) {
      while (port_limits[port] != 0 && learned(port) >= port_limits[port]) {
        if (!EraseExpired(port, now)) return LearnResult::kLimited;
      }
      while (!counts_already && limit != 0 && learned() >= limit) {
        if (!EraseExpired(std::nullopt, now)) return LearnResult::kLimited;
      }
    }
    if (!live && !MakeRoom(port, now)) return LearnResult::kRefused;
    Put(key, wanted, now);
    return live ? LearnResult::kMoved : LearnResult::kLearned;
  }

  bool Set(const MacEntry& wanted, Tick now) {
    const Key key{wanted.vlan, wanted.address};
    if (!entries_.contains(key) && !MakeRoom(wanted.port, now)) return false;
    Put(key, EntryFrom(wanted), now);
    return true;
  }

  bool Append(MacEntry wanted, Tick now) {
    wanted.state = MacEntryState::kStatic;
    const auto found = entries_.find({wanted.vlan, wanted.address});
    if (found == entries_.end() || found->second.state == MacEntryState::kLearned) {
      return Set(wanted, now);
    }
    if (found->second.state == MacEntryState::kPermanent) return false;
    Entry entry = EntryFrom(wanted);
    entry.ports.merge(found->second.ports);
    Put(found->first, entry, now);
    return true;
  }

  bool Erase(const Key& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return false;
    const bool was_there = !found->second.in_flushed_vlan;
    entries_.erase(found);
    return was_there;
  }

  bool Erase(const Key& key, PortId port) {
    const auto found = entries_.find(key);
    if (found == entries_.end() || !found->second.ports.contains(port)) return false;
    if (found->second.ports.size() == 1) return Erase(key);
    found->second.ports.erase(port);
    return true;
  }

  void FlushPort(PortId port) {
    std::erase_if(entries_, [&](const auto& item) {
      return IsMortal(item.second) && item.second.port() == port;
    });
  }
  void FlushVlan(VlanId vlan) {
    for (auto& [key, entry] : entries_) {
      if (key.first == vlan && IsMortal(entry)) entry.in_flushed_vlan = true;
    }
  }
  void FlushAll() {
    std::erase_if(entries_, [](const auto& item) { return IsMortal(item.second); });
  }
  void ErasePort(PortId port) {
    for (auto& [key, entry] : entries_) entry.ports.erase(port);
    std::erase_if(entries_, [](const auto& item) { return item.second.ports.empty(); });
  }

  // Removes what has expired or is of a flushed VLAN; returns the former.
  std::vector<MacEntry> Sweep(Tick now) {
    std::vector<MacEntry> expired;
    std::erase_if(entries_, [&](const auto& item) {
      if (IsLive(item.second, now)) return false;
      if (!item.second.in_flushed_vlan) expired.push_back(Show(item.first, item.second));
      return true;
    });
    return expired;
  }

  [[nodiscard]] std::vector<MacEntry> FindAll(const Key& key, Tick now) const {
    std::vector<MacEntry> found;
    const auto item = entries_.find(key);
    if (item != entries_.end() && IsLive(item->second, now)) ShowAll(key, item->second, found);
    return found;
  }
  [[nodiscard]] std::vector<MacEntry> Live(Tick now) const {
    std::vector<MacEntry> live;
    for (const auto& [key, entry] : entries_) {
      if (IsLive(entry, now)) ShowAll(key, entry, live);
    }
    return live;
  }
  [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(entries_.size()); }
  [[nodiscard]] uint32_t learned() const {
    return Count([](const Entry& entry) { return IsPlain(entry); });
  }
  [[nodiscard]] uint32_t learned(PortId port) const {
    return Count([&](const Entry& entry) { return IsPlain(entry) && entry.port() == port; });
  }
  [[nodiscard]] bool has_mortal() const { return Count(IsMortal) > 0; }
  [[nodiscard]] bool has_flushed_vlans() const {
    return Count([](const Entry& entry) { return entry.in_flushed_vlan; }) > 0;
  }

  Ticks ageing;
  uint32_t limit = 0;
  std::map<PortId, uint32_t> port_limits;
  uint64_t evictions = 0;

 private:
  struct Entry {
    std::set<PortId> ports;
    MacEntryState state = MacEntryState::kLearned;
    bool sticky = false;
    bool by_user = false;
    bool extern_learn = false;
    bool in_flushed_vlan = false;
    Tick last_seen{};
    uint64_t order = 0;  // of its last refresh, among all

    [[nodiscard]] PortId port() const { return *ports.begin(); }
  };
  using Entries = std::map<Key, Entry>;

  static bool IsMortal(const Entry& entry) {
    return entry.state == MacEntryState::kLearned && !entry.extern_learn;
  }
  static bool IsPlain(const Entry& entry) { return IsMortal(entry) && !entry.by_user; }
  static Entry EntryFrom(const MacEntry& wanted) {
    return {.ports = {wanted.port},
            .state = wanted.state,
            .sticky = wanted.sticky,
            .by_user = wanted.by_user,
            .extern_learn = wanted.extern_learn};
  }
  static MacEntry Show(const Key& key, const Entry& entry) {
    return {.vlan = key.first,
            .address = key.second,
            .port = entry.port(),
            .state = entry.state,
            .sticky = entry.sticky,
            .by_user = entry.by_user,
            .extern_learn = entry.extern_learn,
            .last_seen = entry.last_seen};
  }
  static void ShowAll(const Key& key, const Entry& entry, std::vector<MacEntry>& shown) {
    for (const PortId port : entry.ports) {
      shown.push_back(Show(key, entry));
      shown.back().port = port;
    }
  }
  template <typename Predicate>
  [[nodiscard]] uint32_t Count(Predicate predicate) const {
    return static_cast<uint32_t>(
        std::count_if(entries_.begin(), entries_.end(),
                      [&](const auto& item) { return predicate(item.second); }));
  }
  [[nodiscard]] bool IsExpired(const Entry& entry, Tick now) const {
    return IsMortal(entry) && entry.last_seen + ageing <= now;
  }
  [[nodiscard]] bool IsLive(const Entry& entry, Tick now) const {
    return !entry.in_flushed_vlan && !IsExpired(entry, now);
  }

  void See(Entry& entry, Tick now) {
    entry.last_seen = now;
    entry.order = ++order_;
  }
  void Put(const Key& key, Entry entry, Tick now) {
    See(entry, now);
    entries_[key] = entry;
  }

  // The first of all mortal entries by rank(entry).
  template <typename Rank>
  Entries::iterator FirstMortal(Rank rank) {
    auto first = entries_.end();
    for (auto item = entries_.begin(); item != entries_.end(); ++item) {
      if (!IsMortal(item->second)) continue;
      if (first == entries_.end() || rank(item->second) < rank(first->second)) first = item;
    }
    return first;
  }

  // An expired entry of `port`, or of the lowest port that has one; within a port the oldest.
  bool EraseExpired(std::optional<PortId> port, Tick now) {
    const auto victim = FirstMortal([&](const Entry& entry) {
      return std::tuple(!IsExpired(entry, now), port.has_value() && entry.port() != *port,
                        entry.port(), entry.order);
    });
    if (victim == entries_.end() || !IsExpired(victim->second, now)) return false;
    if (port.has_value() && victim->second.port() != *port) return false;
    entries_.erase(victim);
    return true;
  }

  bool MakeRoom(PortId wanted_by, Tick now) {
    if (entries_.size() < capacity_) return true;
    std::map<PortId, uint32_t> held;
    for (const auto& [key, entry] : entries_) held[entry.port()] += IsMortal(entry) ? 1 : 0;
    // The first of all mortal entries by: expired ones, lowest port first; the port that holds
    // most, `wanted_by` first of equals; and within a port the oldest.
    const auto victim = FirstMortal([&](const Entry& entry) {
      const bool expired = IsExpired(entry, now);
      const uint32_t others = capacity_ - held[entry.port()];
      return std::tuple(!expired, expired ? 0 : others, !expired && entry.port() != wanted_by,
                        entry.port(), entry.order);
    });
    if (victim == entries_.end()) return false;
    if (IsLive(victim->second, now)) ++evictions;
    entries_.erase(victim);
    return true;
  }

  uint32_t capacity_;
  uint64_t order_ = 0;
  Entries entries_;
};

}  // namespace tapswitch
