// The masks that tell what may go where: computed once from the configuration, read for each frame.
//
// The masks of a view are immutable. A change of configuration builds a new view beside the old
// one, on a thread that does not forward, and the bridge swaps the two between batches. A port's
// change of state rebuilds nothing: it is an edit of the view's gates (gate_masks.h). Features are
// edits of these masks, never a test of their own in the path of a frame.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "switch/forwarding/gate_masks.h"
#include "switch/forwarding/guards/guard_settings.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/observers/mirrors.h"
#include "switch/forwarding/port_set.h"
#include "switch/forwarding/view/spanning_tree_port.h"
#include "switch/forwarding/vlan_set.h"
#include "switch/forwarding/wire/ethernet.h"
#include "switch/forwarding/wire/frame_tag.h"

namespace tapswitch {

// The behaviour of a port in one VLAN, where it differs: a frame passes where both the port and
// this allow it.
struct VlanForwarding {
  VlanId vlan;
  PortState state = PortState::kForwarding;
  bool learning = true;
  bool flood = true;
  bool mcast_flood = true;
  bool bcast_flood = true;
  uint8_t mcast_router = 1;  // as that of PortMulticast
  uint32_t mcast_max_groups = 0;

  bool operator==(const VlanForwarding&) const = default;
};

// How a port takes part in multicast snooping.
struct PortMulticast {
  bool fast_leave = false;  // a group ends with the last host that is known to want it
  bool to_unicast = false;  // each host that has joined a group gets a copy of its own
  // Whether the port leads to a multicast router: 0 no, 1 as it is learned, 2 yes, 3 for a while
  // (uapi linux/if_bridge.h, MDB_RTR_TYPE_*).
  uint8_t router = 1;
  uint32_t max_groups = 0;  // entries; 0: no limit

  bool operator==(const PortMulticast&) const = default;
};

// The VLANs of a port (IEEE 802.1Q, 8.8.10: member set and untagged set).
struct PortVlans {
  VlanSet members;                         // 1 .. 4094
  VlanSet untagged;                        // of them, those whose frames leave without a tag
  VlanId pvid = kNoVlan;                   // of frames that come without one; kNoVlan: dropped
  std::vector<VlanForwarding> exceptions;  // of members, by ascending VLAN

  bool operator==(const PortVlans&) const = default;
};

// The wanted behaviour of one port, with bridge(8)'s names and defaults.
struct PortForwarding {
  PortId id;
  PortState state = PortState::kForwarding;
  bool learning = true;
  bool flood = true;  // unicast to unknown destinations leaves by it
  bool mcast_flood = true;
  bool bcast_flood = true;
  bool isolated = false;        // reaches only ports that are not, so not itself either
  bool is_tunnel = false;       // leads to other machines of an overlay; likewise (split horizon)
  bool hairpin = false;         // a frame may leave by the port it came from
  bool locked = false;          // takes frames only from stations that are known to be behind it
  bool mab = false;             // notes others as locked entries, for somebody to let them in
  bool shut_down = false;       // by a guard: this is why its state is disabled
  bool loop_detection = true;   // it may send probes, and be blamed for a loop
  bool neigh_suppress = false;  // questions for neighbours that the bridge knows do not leave by it
  bool lists_own_address = true;  // the address of its interface, if it has one, is the bridge's
  bool gro = true;                // frames of a flow may leave by it as one
  bool kernel_forwarding = true;  // known conversations may be carried by the kernel
  // Frames from, and to, the station are impaired (impairment/impaired_direction.h), by whoever
  // drives the bridge.
  bool impaired_ingress = false;
  bool impaired_egress = false;
  // Reserved addresses 01:80:C2:00:00:0X that are forwarded when they come in here, as bits.
  uint16_t group_fwd_mask = 0;
  PortVlans vlans;  // looked at while the bridge filters VLANs
  StormControl storm;
  PortSecurity security;
  SpanningTreePort tree{};
  PortMulticast multicast;
};

// The wanted behaviour of the bridge as a whole.
struct BridgeForwarding {
  bool vlan_filtering = false;
  EtherType vlan_protocol = EtherType::kVlan;  // the TPID of its tags; others are payload
  uint16_t group_fwd_mask = 0;                 // for all ports

  bool operator==(const BridgeForwarding&) const = default;
};

// The observers that want to see frames besides their receivers.
struct Observers {
  std::vector<MirrorForwarding> mirrors;
  bool capturing = false;

  bool operator==(const Observers&) const = default;
};

struct Classification {
  VlanId vlan;  // kReservedVlan: none
  FrameTag tag = FrameTag::kNone;

  bool operator==(const Classification&) const = default;
};

// The masks of one VLAN, as they are while all gates are open.
struct VlanMasks {
  PortSet members;
  PortSet learning;    // members whose sources are learned
  PortSet forwarding;  // members whose frames are forwarded, and that frames may leave by
  PortSet flood;       // of these, those for unicast to unknown destinations
  PortSet mcast_flood;
  PortSet bcast_flood;
  PortSet untagged;  // members that its frames leave by without a tag
};

class ForwardingView {
 public:
  // A view without ports: nothing passes.
  ForwardingView() : ForwardingView({}, {}) {}

  // Ids are distinct. The gates are those of the ports' wanted states.
  explicit ForwardingView(std::span<const PortForwarding> ports,
                          const BridgeForwarding& bridge = {}, const Observers& observers = {});

  // The VLAN that a frame belongs to when it came in by `ingress`, whether or not the port is a
  // member of it (IEEE 802.1Q, 6.9). A bridge that does not filter VLANs needs no case of its own:
  // no tag is one of its own, and kNoVlan is the PVID of all ports. So all frames share one VLAN,
  // tags are payload, and frames leave as they came.
  [[nodiscard]] Classification Classify(PortId ingress, const EthernetHeader& header) const {
    if (!header.tag || header.tag->protocol != tag_protocol_) {
      return {.vlan = pvids_[ingress.value], .tag = FrameTag::kNone};
    }
    if (header.tag->is_priority_tag()) {
      return {.vlan = pvids_[ingress.value], .tag = FrameTag::kPriority};
    }
    return {.vlan = VlanId{header.tag->vid()}, .tag = FrameTag::kTagged};
  }

  // The masks of a VLAN, also of one without members.
  [[nodiscard]] const VlanMasks& masks(VlanId vlan) const { return masks_[index_[vlan.value]]; }

  // ---- The gates, which alone may change, between two batches.

  // Takes the place of the gates that follow from the wanted states.
  void SetGates(const GateMasks& gates) { gates_ = gates; }
  // True when that changes anything.
  bool SetGate(PortId port, PortGate gate) { return gates_.Set(port, gate); }
  [[nodiscard]] const GateMasks& gates() const { return gates_; }
  // The wanted state of the port; disabled when it is no port of the view.
  [[nodiscard]] PortState wanted_state(PortId port) const {
    return port.value < wanted_states_.size() ? wanted_states_[port.value] : PortState::kDisabled;
  }

  // Whether frames of the VLAN with these masks pass the port, in either direction.
  [[nodiscard]] bool passes(const VlanMasks& masks, PortId port) const {
    return gates_.forwarding().contains(port) && masks.forwarding.contains(port);
  }
  // Whether the sources of its frames that come in by the port are learned.
  [[nodiscard]] bool learns(const VlanMasks& masks, PortId ingress) const {
    return gates_.learning().contains(ingress) && masks.learning.contains(ingress);
  }

  // ----

  [[nodiscard]] bool filters_vlans() const { return bridge_.vlan_filtering; }
  // Whether the two make the same of tags.
  [[nodiscard]] bool ClassifiesLike(const ForwardingView& other) const {
    return bridge_.vlan_filtering == other.bridge_.vlan_filtering &&
           bridge_.vlan_protocol == other.bridge_.vlan_protocol;
  }
  // The protocol of the tags that the bridge adds.
  [[nodiscard]] EtherType vlan_protocol() const { return bridge_.vlan_protocol; }

  // Whether frames to a reserved address are forwarded that came in by `ingress`.
  [[nodiscard]] bool forwards_reserved(PortId ingress, MacAddress destination) const {
    return ((group_fwd_masks_[ingress.value] >> (destination.number() & 0xFU)) & 1U) != 0;
  }

  [[nodiscard]] const PortSet& ports() const { return ports_; }
  // One more than the highest id of a port.
  [[nodiscard]] size_t id_count() const { return reach_.size(); }

  // Whether frames from `ingress` have to pass Screen, where all rare checks of a source are, so
  // that they cost other ports one test of a bit. Only of a port whose state lets frames in.
  [[nodiscard]] bool is_screened(PortId ingress) const {
    return screened_.contains(ingress) && gates_.learning().contains(ingress);
  }
  // Whether each frame from `ingress` has to be seen here, wherever it goes. Whatever forwards
  // known conversations without asking the bridge has to leave these alone.
  [[nodiscard]] bool is_observed(PortId ingress) const {
    return capturing_ ||
           (is_mirrored(ingress) && !(mirror_destinations_ & gates_.enabled()).empty());
  }
  // Whether a frame from `ingress` may have to be copied.
  [[nodiscard]] bool is_mirrored(PortId ingress) const { return mirrors_.apply_to(ingress); }
  // The ports that get a copy of a frame as it came; none that is disabled.
  [[nodiscard]] PortSet copies_of_received(PortId ingress, VlanId vlan) const {
    return mirrors_.received(ingress, vlan, masks(vlan).members.contains(ingress)) &
           gates_.enabled();
  }
  // The ports that get a copy of a frame as it leaves; none that is disabled.
  [[nodiscard]] PortSet copies_of_sent(PortId egress, VlanId vlan) const {
    return mirrors_.sent(egress, vlan) & gates_.enabled();
  }
  [[nodiscard]] bool is_tunnel(PortId port) const { return tunnels_.contains(port); }

  // Mirrors copy to such a port, and nothing else comes or goes by it.
  [[nodiscard]] bool is_mirror_destination(PortId port) const {
    return mirror_destinations_.contains(port);
  }
  [[nodiscard]] bool is_locked(PortId ingress) const { return locked_.contains(ingress); }
  [[nodiscard]] const PortSet& mirror_destinations() const { return mirror_destinations_; }
  // Ports that may send probes of loop detection, and be blamed for a loop.
  [[nodiscard]] const PortSet& loop_probing() const { return loop_probing_; }
  // Ports the address of whose interface, if there is one, is the bridge's.
  [[nodiscard]] const PortSet& lists_own_address() const { return lists_own_address_; }
  // Ports that questions for known neighbours do not leave by.
  [[nodiscard]] const PortSet& neigh_suppressed() const { return neigh_suppressed_; }
  // By which frames of a flow may leave as one.
  [[nodiscard]] const PortSet& joining() const { return joining_; }
  // Ports from and to which the kernel may carry known conversations by itself.
  [[nodiscard]] const PortSet& kernel_forwarding() const { return kernel_forwarding_; }
  // Ports whose frames are impaired, from their stations and towards them. Whatever forwards known
  // conversations without asking the bridge has to leave these alone.
  [[nodiscard]] const PortSet& impaired_ingress() const { return impaired_ingress_; }
  [[nodiscard]] const PortSet& impaired_egress() const { return impaired_egress_; }
  [[nodiscard]] bool has_mab(PortId ingress) const { return guards_[ingress.value].mab; }
  // Why nothing passes a port whose state is disabled.
  [[nodiscard]] bool is_shut_down(PortId port) const { return gates_.shut_down().contains(port); }

  // Whether what is flooded that came in by `ingress` has to pass storm control.
  [[nodiscard]] bool limits_storms(PortId ingress) const { return storm_.contains(ingress); }
  [[nodiscard]] const StormControl& storm(PortId ingress) const {
    return guards_[ingress.value].storm;
  }
  [[nodiscard]] const PortSecurity& security(PortId ingress) const {
    return guards_[ingress.value].security;
  }

  [[nodiscard]] const SpanningTreePort& spanning_tree(PortId port) const {
    return guards_[port.value].tree;
  }
  [[nodiscard]] const PortMulticast& multicast(PortId port) const {
    return guards_[port.value].multicast;
  }
  // The port's behaviour in VLANs where it differs, by ascending VLAN.
  [[nodiscard]] const std::vector<VlanForwarding>& exceptions(PortId port) const {
    return guards_[port.value].exceptions;
  }

  // The ports that frames from `ingress` may reach at all: not the port itself (hairpin aside), and
  // no isolated port from another, nor a tunnel from another. Precondition: `ingress` is a port of
  // this view.
  [[nodiscard]] const PortSet& reach(PortId ingress) const { return reach_[ingress.value]; }

  // The VLANs of a port; kNoVlan alone while VLANs are not filtered. The time is that of looking at
  // every VLAN.
  [[nodiscard]] VlanSet VlansOf(PortId port) const;

 private:
  // The settings that are looked at only on the few ports, and for the few frames, that have to do
  // with them.
  struct Guards {
    bool mab = false;
    StormControl storm;
    PortSecurity security;
    PortMulticast multicast;
    SpanningTreePort tree;
    std::vector<VlanForwarding> exceptions;
  };

  void AddFlags(const PortForwarding& port);
  void AddGuards(const PortForwarding& port);
  void AddToVlans(const PortForwarding& port);
  VlanMasks& MasksFor(VlanId vlan);

  BridgeForwarding bridge_;
  // No tag has type 0.
  EtherType tag_protocol_{};
  std::vector<VlanMasks> masks_{1};        // the first: of kNoVlan, or of VLANs without members
  std::vector<uint16_t> index_;            // into masks_, by VLAN
  std::vector<VlanId> pvids_;              // by ingress
  std::vector<uint16_t> group_fwd_masks_;  // by ingress
  PortSet ports_;
  Mirrors mirrors_;
  PortSet tunnels_;
  PortSet mirror_destinations_;
  bool capturing_ = false;
  GateMasks gates_;
  std::vector<PortState> wanted_states_;  // by port
  PortSet screened_;
  PortSet locked_;
  PortSet neigh_suppressed_;
  PortSet joining_;
  PortSet kernel_forwarding_;
  PortSet impaired_ingress_;
  PortSet impaired_egress_;
  PortSet loop_probing_;
  PortSet lists_own_address_;
  PortSet storm_;
  std::vector<PortSet> reach_;  // by ingress
  std::vector<Guards> guards_;  // by port
};

}  // namespace tapswitch
