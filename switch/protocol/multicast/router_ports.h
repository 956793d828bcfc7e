// Ports of one VLAN and family behind which multicast routers were heard.

#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"

namespace tapswitch {

class RouterPorts {
 public:
  struct Heard {
    PortId port;
    Tick until;

    bool operator==(const Heard&) const = default;
  };

  void Note(PortId port, Tick until) {
    for (Heard& heard : heard_) {
      if (heard.port != port) continue;
      heard.until = std::max(heard.until, until);
      return;
    }
    heard_.push_back({port, until});
  }
  void Forget(PortId port) {
    std::erase_if(heard_, [port](const Heard& heard) { return heard.port == port; });
  }
  void Expire(Tick now) {
    std::erase_if(heard_, [now](const Heard& heard) { return heard.until <= now; });
  }

  // In no order.
  [[nodiscard]] const std::vector<Heard>& heard() const { return heard_; }
  [[nodiscard]] PortSet ports() const {
    PortSet ports;
    for (const Heard& heard : heard_) ports.insert(heard.port);
    return ports;
  }
  [[nodiscard]] std::optional<Tick> next_deadline() const {
    std::optional<Tick> next;
    for (const Heard& heard : heard_) next = std::min(next.value_or(heard.until), heard.until);
    return next;
  }

 private:
  std::vector<Heard> heard_;
};

}  // namespace tapswitch
