// A learning bridge written for obviousness, to hold the real one against. Tables without bounds
// (its users keep below the real table's capacity), no masks, one question at a time.

#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "switch/forwarding/ethernet.h"
#include "switch/forwarding/forwarding_view.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/mac_entry.h"

namespace tapswitch {

class NaiveBridge {
 public:
  NaiveBridge(std::vector<PortForwarding> ports, Ticks ageing) : ageing_(ageing) {
    SetPorts(std::move(ports));
  }

  void SetPorts(std::vector<PortForwarding> ports) {
    ports_.clear();
    for (const PortForwarding& port : ports) ports_[port.id] = port;
  }

  // Of plain learned entries; 0: none.
  void SetLimit(uint32_t limit) { limit_ = limit; }
  void SetLimit(PortId port, uint32_t limit) { port_limits_[port] = limit; }

  // Forgets what may be forgotten.
  void ForgetPort(PortId port) {
    std::erase_if(table_, [&](const auto& item) {
      return IsMortal(item.second) && item.second.ports.contains(port);
    });
  }

  void Set(const MacEntry& entry, Tick now) {
    table_[entry.address] = {.ports = {entry.port}, .shown = entry, .seen = now};
  }

  bool Append(MacEntry entry, Tick now) {
    entry.state = MacEntryState::kStatic;
    const Entry* known = Find(entry.address, now);
    if (known != nullptr && known->shown.state == MacEntryState::kPermanent) return false;
    std::set<PortId> ports{entry.port};
    if (known != nullptr && known->shown.state == MacEntryState::kStatic)
      ports.merge(std::set(known->ports));
    table_[entry.address] = {.ports = ports, .shown = entry, .seen = now};
    return true;
  }

  void Erase(MacAddress address, PortId port) {
    const auto found = table_.find(address);
    if (found == table_.end()) return;
    found->second.ports.erase(port);
    if (found->second.ports.empty()) table_.erase(found);
  }

  // The ports that a frame leaves by.
  std::set<PortId> Process(PortId ingress, std::span<const std::byte> frame, Tick now) {
    const auto header = ParseHeader(frame);
    if (!header || header->source.is_multicast() || header->source.is_zero()) return {};
    if (header->destination.is_reserved()) return {};
    const PortForwarding& from = ports_.at(ingress);
    if (from.state != PortState::kForwarding && from.state != PortState::kLearning) return {};
    if (from.locked && !IsKnownOn(ingress, header->source, now)) return {};
    if (from.learning) Learn(ingress, header->source, now);
    if (from.state != PortState::kForwarding) return {};
    std::set<PortId> result;
    for (const auto& [id, to] : ports_) {
      if (to.state == PortState::kForwarding && (id != ingress || to.hairpin) &&
          !(from.isolated && to.isolated) && Wants(to, header->destination, now)) {
        result.insert(id);
      }
    }
    return result;
  }

 private:
  struct Entry {
    std::set<PortId> ports;
    MacEntry shown;  // but for its ports and when it was seen
    Tick seen;
  };

  static bool IsMortal(const Entry& entry) {
    return entry.shown.state == MacEntryState::kLearned && !entry.shown.extern_learn;
  }
  static bool IsPlain(const Entry& entry) { return IsMortal(entry) && !entry.shown.by_user; }
  [[nodiscard]] bool IsLive(const Entry& entry, Tick now) const {
    return !IsMortal(entry) || entry.seen + ageing_ > now;
  }

  const Entry* Find(MacAddress address, Tick now) const {
    const auto entry = table_.find(address);
    return entry == table_.end() || !IsLive(entry->second, now) ? nullptr : &entry->second;
  }

  bool IsKnownOn(PortId port, MacAddress address, Tick now) const {
    const Entry* entry = Find(address, now);
    return entry != nullptr && entry->shown.state != MacEntryState::kPermanent &&
           entry->ports.contains(port);
  }

  void Learn(PortId port, MacAddress source, Tick now) {
    if (ageing_.centiseconds == 0) return;
    const Entry* known = Find(source, now);
    MacEntry learned{.address = source, .port = port};
    if (known != nullptr) {
      if (known->shown.state == MacEntryState::kPermanent) return;
      if (known->ports.contains(port)) {
        table_[source].seen = now;
        return;
      }
      if (known->shown.state == MacEntryState::kStatic || known->shown.sticky) return;
      learned.by_user = known->shown.by_user && !known->shown.extern_learn;
    }
    const bool is_counted = known != nullptr && IsPlain(*known);
    if (!learned.by_user && !HasRoom(port, is_counted, now)) return;
    Set(learned, now);
  }

  bool HasRoom(PortId port, bool is_counted, Tick now) const {
    uint32_t on_port = 0;
    uint32_t on_all = 0;
    for (const auto& [address, entry] : table_) {
      if (!IsPlain(entry) || !IsLive(entry, now)) continue;
      ++on_all;
      if (entry.ports.contains(port)) ++on_port;
    }
    const auto limit = port_limits_.find(port);
    if (limit != port_limits_.end() && limit->second != 0 && on_port >= limit->second) return false;
    return is_counted || limit_ == 0 || on_all < limit_;
  }

  bool Wants(const PortForwarding& to, MacAddress destination, Tick now) const {
    if (destination.is_broadcast()) return to.bcast_flood;
    if (destination.is_multicast()) return to.mcast_flood;
    const Entry* entry = Find(destination, now);
    if (entry == nullptr) return to.flood;
    return entry->shown.state != MacEntryState::kPermanent && entry->ports.contains(to.id);
  }

  Ticks ageing_;
  uint32_t limit_ = 0;
  std::map<PortId, uint32_t> port_limits_;
  std::map<PortId, PortForwarding> ports_;
  std::map<MacAddress, Entry> table_;
};

}  // namespace tapswitch
