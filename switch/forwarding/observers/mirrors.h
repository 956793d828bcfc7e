// Port mirroring ("SPAN"): decides which frames are copied for an observer, and to which ports.
//
// A frame that comes in by a source is copied as it came, whatever the bridge then does with it. A
// frame that leaves by a source is copied as it leaves. Each destination gets at most one copy of
// either kind, however many of its mirrors and sources match the frame.

#pragma once

#include <span>
#include <vector>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/vlan_set.h"

namespace tapswitch {

// The wanted behaviour of one mirror.
struct MirrorForwarding {
  PortSet ports;  // sources: frames that come in or leave by these ports
  VlanSet vlans;  // sources: frames of these VLANs, by any port
  bool ingress = true;
  bool egress = true;
  PortId destination;  // not a source of any mirror

  bool operator==(const MirrorForwarding&) const = default;
};

// The destinations of copies, for both kinds of copy.
class Mirrors {
 public:
  Mirrors() = default;

  explicit Mirrors(std::span<const MirrorForwarding> mirrors);

  // Whether a frame from `ingress` may have to be copied.
  [[nodiscard]] bool apply_to(PortId ingress) const { return observed_.contains(ingress); }

  // The destinations for a frame that comes in by a port. A source VLAN matches frames that come in
  // by its members.
  [[nodiscard]] PortSet received(PortId ingress, VlanId vlan, bool is_member) const;
  // The destinations for a frame that leaves by a port.
  [[nodiscard]] PortSet sent(PortId egress, VlanId vlan) const;

 private:
  // The destinations of the copies of one source.
  struct Copies {
    PortSet received;
    PortSet sent;
  };
  struct VlanCopies {
    VlanId vlan;
    Copies copies;
  };

  [[nodiscard]] const Copies* OfVlan(VlanId vlan) const;

  PortSet observed_;
  std::vector<Copies> by_port_;  // as long as the highest id of a source needs
  std::vector<VlanCopies> by_vlan_;
};

// The ports that are the destination of a mirror: they take no part in forwarding.
[[nodiscard]] PortSet DestinationsOf(std::span<const MirrorForwarding> mirrors);

}  // namespace tapswitch
