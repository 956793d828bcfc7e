// A learning bridge that is written to be obviously right, and with which the real one is compared.
// Its tables are unbounded (users stay below the real table's capacity), it has no masks, and it
// answers one question at a time.

#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "switch/forwarding/fdb/mac_entry.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

class NaiveBridge {
 public:
  using Bytes = std::vector<std::byte>;

  NaiveBridge(const std::vector<PortForwarding>& ports, Ticks ageing) : ageing_(ageing) {
    SetPorts(ports);
  }

  void SetPorts(const std::vector<PortForwarding>& ports, BridgeForwarding bridge = {}) {
    bridge_ = bridge;
    ports_.clear();
    for (const PortForwarding& port : ports) ports_[port.id] = port;
  }

  // The limit of plain learned entries; 0: none.
  void SetLimit(uint32_t limit) { limit_ = limit; }
  void SetLimit(PortId port, uint32_t limit) { port_limits_[port] = limit; }

  // Removes the learned entries of a port.
  void ForgetPort(PortId port) {
    std::erase_if(table_, [&](const auto& item) {
      return IsMortal(item.second) && item.second.ports.contains(port);
    });
  }

  void Set(const MacEntry& entry, Tick now) {
    table_[KeyOf(entry)] = {.ports = {entry.port}, .shown = entry, .seen = now};
  }

  bool Append(MacEntry entry, Tick now) {
    entry.state = MacEntryState::kStatic;
    const Entry* known = Find(KeyOf(entry), now);
    if (known != nullptr && known->shown.state == MacEntryState::kPermanent) return false;
    std::set<PortId> ports{entry.port};
    if (known != nullptr && known->shown.state == MacEntryState::kStatic)
      ports.merge(std::set(known->ports));
    table_[KeyOf(entry)] = {.ports = ports, .shown = entry, .seen = now};
    return true;
  }

  void Erase(const MacEntry& entry) {
    const auto found = table_.find(KeyOf(entry));
    if (found == table_.end()) return;
    found->second.ports.erase(entry.port);
    if (found->second.ports.empty()) table_.erase(found);
  }

  // The frames that leave, by port.
  std::map<PortId, Bytes> Process(PortId ingress, std::span<const std::byte> frame, Tick now) {
    const auto header = ParseHeader(frame);
    if (!header || header->source.is_multicast() || header->source.is_zero()) return {};
    const bool is_reserved = header->destination.is_reserved();
    const bool is_provider =
        bridge_.vlan_filtering && bridge_.vlan_protocol == EtherType::kServiceVlan;
    const uint16_t of_customers = is_provider ? 0xB801 : 0;  // :00, :0B to :0D, :0F
    const uint16_t mask = ports_.at(ingress).group_fwd_mask | bridge_.group_fwd_mask | of_customers;
    if (is_reserved && (mask >> (header->destination.number() % 16) & 1) == 0) return {};
    const auto vlan = VlanOf(ingress, *header);
    if (!vlan) return {};
    const PortForwarding from = InVlan(ports_.at(ingress), *vlan);
    if (from.state != PortState::kForwarding && from.state != PortState::kLearning) return {};
    const Key source{*vlan, header->source};
    if (from.locked && !IsKnownOn(ingress, source, now)) return {};
    if (from.learning && !is_reserved) Learn(ingress, source, now);
    if (from.state != PortState::kForwarding) return {};
    std::map<PortId, Bytes> result;
    for (const auto& [id, port] : ports_) {
      if (!IsMember(port, *vlan)) continue;
      const PortForwarding to = InVlan(port, *vlan);
      if (to.state == PortState::kForwarding && (id != ingress || to.hairpin) &&
          !(from.isolated && to.isolated) && Wants(to, {*vlan, header->destination}, now)) {
        result[id] = AsItLeaves(frame, *header, port, *vlan);
      }
    }
    return result;
  }

 private:
  using Key = std::pair<VlanId, MacAddress>;
  static Key KeyOf(const MacEntry& entry) { return {entry.vlan, entry.address}; }

  // Whether the frame has a tag that tells its VLAN or its priority.
  [[nodiscard]] bool HasOwnTag(const EthernetHeader& header) const {
    return bridge_.vlan_filtering && header.tag && header.tag->protocol == bridge_.vlan_protocol;
  }

  [[nodiscard]] bool IsMember(const PortForwarding& port, VlanId vlan) const {
    return !bridge_.vlan_filtering || port.vlans.members.contains(vlan);
  }

  // Returns nothing if the frame is not admitted.
  [[nodiscard]] std::optional<VlanId> VlanOf(PortId ingress, const EthernetHeader& header) const {
    if (!bridge_.vlan_filtering) return kNoVlan;
    const PortForwarding& port = ports_.at(ingress);
    VlanId vlan = port.vlans.pvid;
    if (HasOwnTag(header) && header.tag->vid() != 0) vlan = VlanId{header.tag->vid()};
    if (vlan == kNoVlan || vlan.value == 4095 || !IsMember(port, vlan)) return std::nullopt;
    return vlan;
  }

  [[nodiscard]] PortForwarding InVlan(PortForwarding port, VlanId vlan) const {
    if (!bridge_.vlan_filtering) return port;
    const auto lets_in = [](PortState state) {
      return state == PortState::kForwarding || state == PortState::kLearning;
    };
    for (const VlanForwarding& exception : port.vlans.exceptions) {
      if (exception.vlan != vlan) continue;
      const bool both_forward =
          port.state == PortState::kForwarding && exception.state == PortState::kForwarding;
      const bool both_let_in = lets_in(port.state) && lets_in(exception.state);
      port.state = both_forward  ? PortState::kForwarding
                   : both_let_in ? PortState::kLearning
                                 : PortState::kBlocking;
      port.learning = port.learning && exception.learning;
      port.flood = port.flood && exception.flood;
      port.mcast_flood = port.mcast_flood && exception.mcast_flood;
      port.bcast_flood = port.bcast_flood && exception.bcast_flood;
    }
    return port;
  }

  // Removes the tag that told the VLAN, and adds one if the port is a tagged member.
  [[nodiscard]] Bytes AsItLeaves(std::span<const std::byte> frame, const EthernetHeader& header,
                                 const PortForwarding& port, VlanId vlan) const {
    Bytes bytes(frame.begin(), frame.end());
    if (!bridge_.vlan_filtering) return bytes;
    uint16_t priority = 0;
    if (HasOwnTag(header)) {
      bytes.erase(bytes.begin() + 12, bytes.begin() + 16);
      priority = header.tag->control & 0xF000;
    }
    if (port.vlans.untagged.contains(vlan)) return bytes;
    const auto protocol = static_cast<uint16_t>(bridge_.vlan_protocol);
    const auto control = static_cast<uint16_t>(priority | vlan.value);
    const auto high = [](uint16_t value) { return static_cast<std::byte>(value / 256); };
    const auto low = [](uint16_t value) { return static_cast<std::byte>(value % 256); };
    bytes.insert(bytes.begin() + 12, {high(protocol), low(protocol), high(control), low(control)});
    return bytes;
  }

  struct Entry {
    std::set<PortId> ports;
    MacEntry shown;  // the entry without its ports and its age
    Tick seen;
  };

  static bool IsMortal(const Entry& entry) {
    return entry.shown.state == MacEntryState::kLearned && !entry.shown.extern_learn;
  }
  static bool IsPlain(const Entry& entry) { return IsMortal(entry) && !entry.shown.by_user; }
  [[nodiscard]] bool IsLive(const Entry& entry, Tick now) const {
    return !IsMortal(entry) || entry.seen + ageing_ > now;
  }

  const Entry* Find(const Key& key, Tick now) const {
    const auto entry = table_.find(key);
    return entry == table_.end() || !IsLive(entry->second, now) ? nullptr : &entry->second;
  }

  bool IsKnownOn(PortId port, const Key& key, Tick now) const {
    const Entry* entry = Find(key, now);
    return entry != nullptr && entry->shown.state != MacEntryState::kPermanent &&
           entry->ports.contains(port);
  }

  void Learn(PortId port, const Key& source, Tick now) {
    if (ageing_.centiseconds == 0) return;
    const Entry* known = Find(source, now);
    MacEntry learned{.vlan = source.first, .address = source.second, .port = port};
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
    for (const auto& [key, entry] : table_) {
      if (!IsPlain(entry) || !IsLive(entry, now)) continue;
      ++on_all;
      if (entry.ports.contains(port)) ++on_port;
    }
    const auto limit = port_limits_.find(port);
    if (limit != port_limits_.end() && limit->second != 0 && on_port >= limit->second) return false;
    return is_counted || limit_ == 0 || on_all < limit_;
  }

  bool Wants(const PortForwarding& to, const Key& destination, Tick now) const {
    if (destination.second.is_broadcast()) return to.bcast_flood;
    if (destination.second.is_multicast()) return to.mcast_flood;
    const Entry* entry = Find(destination, now);
    if (entry == nullptr) return to.flood;
    return entry->shown.state != MacEntryState::kPermanent && entry->ports.contains(to.id);
  }

  Ticks ageing_;
  uint32_t limit_ = 0;
  std::map<PortId, uint32_t> port_limits_;
  std::map<PortId, PortForwarding> ports_;
  BridgeForwarding bridge_;
  std::map<Key, Entry> table_;
};

}  // namespace tapswitch
