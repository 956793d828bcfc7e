// Which stations behind which ports are known to answer MLD. Neighbour discovery is withheld from a
// port only while all stations that are known behind it are such: one that drops queries has no
// member of its solicited-node group to speak for it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "switch/forwarding/fdb/mac_table.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

class MldWitnesses {
 public:
  struct Witness {
    VlanId vlan;
    MacAddress station{};
    Tick until;

    bool operator==(const Witness&) const = default;
  };

  // Stations of a port. One with more is flooded to.
  static constexpr size_t kMostOfPort = 64;

  // The station has reported, and is expected to do so again until `until`.
  void Note(PortId port, VlanId vlan, MacAddress station, Tick until, Tick now);
  void Forget(PortId port) { ports_[port.value].clear(); }
  void Clear();

  // Whether all stations that are known behind the port have reported, and there are some.
  [[nodiscard]] bool Prove(PortId port, const MacTable& stations, Tick now) const;
  [[nodiscard]] bool HasAny(PortId port) const { return !ports_[port.value].empty(); }
  [[nodiscard]] const std::vector<Witness>& of(PortId port) const { return ports_[port.value]; }

 private:
  std::vector<std::vector<Witness>> ports_ = std::vector<std::vector<Witness>>(kMaxPorts);
};

}  // namespace tapswitch
