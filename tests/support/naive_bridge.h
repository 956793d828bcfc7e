// A learning bridge written for obviousness, to hold the real one against. Tables without bounds
// (its users keep below the real table's capacity), no masks, one question at a time.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "switch/forwarding/ethernet.h"
#include "switch/forwarding/forwarding_view.h"
#include "switch/forwarding/ids.h"

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

  void ForgetPort(PortId port) {
    std::erase_if(table_, [&](const auto& entry) { return entry.second.port == port; });
  }

  // The ports that a frame leaves by.
  std::set<PortId> Process(PortId ingress, std::span<const std::byte> frame, Tick now) {
    const auto header = ParseHeader(frame);
    if (!header || header->source.is_multicast() || header->source.is_zero()) return {};
    if (header->destination.is_reserved()) return {};
    const PortForwarding& from = ports_.at(ingress);
    const bool may_learn =
        from.state == PortState::kForwarding || from.state == PortState::kLearning;
    if (from.learning && may_learn && ageing_.centiseconds != 0) {
      table_[header->source] = {ingress, now};
    }
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
    PortId port;
    Tick seen;
  };

  bool Wants(const PortForwarding& to, MacAddress destination, Tick now) const {
    if (destination.is_broadcast()) return to.bcast_flood;
    if (destination.is_multicast()) return to.mcast_flood;
    const auto entry = table_.find(destination);
    if (entry == table_.end() || entry->second.seen + ageing_ < now) return to.flood;
    return entry->second.port == to.id;
  }

  Ticks ageing_;
  std::map<PortId, PortForwarding> ports_;
  std::map<MacAddress, Entry> table_;
};

}  // namespace tapswitch
