#include "switch/forwarding/observers/mirrors.h"

#include <algorithm>

namespace tapswitch {

PortSet DestinationsOf(std::span<const MirrorForwarding> mirrors) {
  PortSet destinations;
  for (const MirrorForwarding& mirror : mirrors) destinations.insert(mirror.destination);
  return destinations;
}

Mirrors::Mirrors(std::span<const MirrorForwarding> mirrors) {
  PortSet sources;
  bool concern_all = false;  // what leaves by a port, or is of a VLAN, may come in anywhere
  for (const MirrorForwarding& mirror : mirrors) {
    sources |= mirror.ports;
    concern_all |= mirror.egress || !mirror.vlans.empty();
    const auto add = [&](Copies& copies) {
      if (mirror.ingress) copies.received.insert(mirror.destination);
      if (mirror.egress) copies.sent.insert(mirror.destination);
    };
    mirror.ports.ForEach([&](PortId port) {
      if (by_port_.size() <= port.value) by_port_.resize(port.value + 1U);
      add(by_port_[port.value]);
    });
    mirror.vlans.ForEach([&](VlanId vlan) {
      const auto place = std::lower_bound(by_vlan_.begin(), by_vlan_.end(), vlan,
                                          [](const auto& a, VlanId b) { return a.vlan < b; });
      const bool is_there = place != by_vlan_.end() && place->vlan == vlan;
      add((is_there ? place : by_vlan_.insert(place, VlanCopies{.vlan = vlan, .copies = {}}))
              ->copies);
    });
  }
  observed_ = concern_all ? PortSet::All() : sources;
  observed_ -= DestinationsOf(mirrors);  // nothing that comes in there is anybody's
}

PortSet Mirrors::received(PortId ingress, VlanId vlan, bool is_member) const {
  PortSet to;
  if (ingress.value < by_port_.size()) to = by_port_[ingress.value].received;
  if (const Copies* const copies = OfVlan(vlan); copies != nullptr && is_member) {
    to |= copies->received;
  }
  return to;
}

PortSet Mirrors::sent(PortId egress, VlanId vlan) const {
  PortSet to;
  if (egress.value < by_port_.size()) to = by_port_[egress.value].sent;
  if (const Copies* const copies = OfVlan(vlan); copies != nullptr) to |= copies->sent;
  return to;
}

const Mirrors::Copies* Mirrors::OfVlan(VlanId vlan) const {
  const auto place = std::lower_bound(by_vlan_.begin(), by_vlan_.end(), vlan,
                                      [](const auto& a, VlanId b) { return a.vlan < b; });
  return place == by_vlan_.end() || place->vlan != vlan ? nullptr : &place->copies;
}

}  // namespace tapswitch
