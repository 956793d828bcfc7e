// What may go where, as masks: computed once from the configuration, read for each frame.
//
// A view is immutable. A change of configuration or of a port's state builds a new one beside it,
// and the bridge swaps the two between batches. Features are edits of these masks, never a test of
// their own in the path of a frame.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/port_set.h"

namespace tapswitch {

// The states of a bridge port (IEEE 802.1D, 8.4); values as in uapi linux/if_bridge.h.
enum class PortState : uint8_t {
  kDisabled = 0,    // nothing passes
  kListening = 1,   // neither learns nor forwards
  kLearning = 2,    // learns, does not forward
  kForwarding = 3,  // learns and forwards
  kBlocking = 4,    // neither learns nor forwards
};

// By PortState, as bridge(8) has them.
inline constexpr std::array<std::string_view, 5> kPortStateNames{
    "disabled", "listening", "learning", "forwarding", "blocking"};

[[nodiscard]] constexpr std::string_view NameOf(PortState state) {
  return kPortStateNames[static_cast<size_t>(state)];
}

// The wanted behaviour of one port, with bridge(8)'s names and defaults.
struct PortForwarding {
  PortId id;
  PortState state = PortState::kForwarding;
  bool learning = true;
  bool flood = true;  // unicast to unknown destinations leaves by it
  bool mcast_flood = true;
  bool bcast_flood = true;
  bool isolated = false;  // reaches only ports that are not, so not itself either
  bool hairpin = false;   // a frame may leave by the port it came from
  bool locked = false;    // takes frames only from stations that are known to be behind it
};

// The masks of one VLAN.
struct VlanMasks {
  PortSet ingress;   // ports whose frames are forwarded
  PortSet learning;  // ports whose sources are learned
  PortSet egress;    // ports that frames may leave by
  PortSet flood;     // egress ports for unicast to unknown destinations
  PortSet mcast_flood;
  PortSet bcast_flood;
};

class ForwardingView {
 public:
  // A view without ports: nothing passes.
  ForwardingView() = default;

  // Ids are distinct.
  explicit ForwardingView(std::span<const PortForwarding> ports);

  // The VLAN that a frame belongs to when it came in by `ingress`. This bridge does not filter
  // VLANs: all frames share one, and tags are payload.
  [[nodiscard]] VlanId Classify(PortId /*ingress*/) const { return kNoVlan; }

  [[nodiscard]] const VlanMasks& masks(VlanId /*vlan*/) const { return masks_; }

  [[nodiscard]] const PortSet& ports() const { return ports_; }

  // Whether frames from `ingress` have to pass Screen, where all rare checks of a source are, so
  // that they cost other ports one test of a bit. Only of a port whose state lets frames in.
  [[nodiscard]] bool is_screened(PortId ingress) const { return screened_.contains(ingress); }
  [[nodiscard]] bool is_locked(PortId ingress) const { return locked_.contains(ingress); }

  // The ports that frames from `ingress` may reach at all: not the port itself (hairpin aside), and
  // no isolated port from another. Precondition: `ingress` is a port of this view.
  [[nodiscard]] const PortSet& reach(PortId ingress) const { return reach_[ingress.value]; }

 private:
  VlanMasks masks_;
  PortSet ports_;
  PortSet screened_;
  PortSet locked_;
  std::vector<PortSet> reach_;  // by ingress
};

}  // namespace tapswitch
