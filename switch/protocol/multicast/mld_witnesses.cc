#include "switch/protocol/multicast/mld_witnesses.h"

#include <algorithm>

namespace tapswitch {

void MldWitnesses::Note(PortId port, VlanId vlan, MacAddress station, Tick until, Tick now) {
  std::vector<Witness>& witnesses = ports_[port.value];
  const auto known = std::find_if(witnesses.begin(), witnesses.end(), [&](const Witness& one) {
    return one.vlan == vlan && one.station == station;
  });
  if (known != witnesses.end()) {
    known->until = until;
    return;
  }
  if (witnesses.size() >= kMostOfPort) {
    std::erase_if(witnesses, [now](const Witness& one) { return one.until <= now; });
  }
  if (witnesses.size() < kMostOfPort) witnesses.push_back({vlan, station, until});
}

void MldWitnesses::Clear() {
  for (auto& witnesses : ports_) witnesses.clear();
}

bool MldWitnesses::Prove(PortId port, const MacTable& stations, Tick now) const {
  const auto speaks = [&](const Witness& one) {
    if (one.until <= now) return false;
    const auto found = stations.Lookup(one.vlan, one.station, now);
    return found && !found->is_local && found->group == kNoGroup && found->port == port;
  };
  const auto& witnesses = ports_[port.value];
  const auto speaking =
      static_cast<size_t>(std::count_if(witnesses.begin(), witnesses.end(), speaks));
  return speaking > 0 && speaking >= stations.learned(port);
}

}  // namespace tapswitch
