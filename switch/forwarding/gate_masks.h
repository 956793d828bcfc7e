// The gates of ports as masks: which ports frames pass now, by the state of each (IEEE 802.1D,
// 8.4). The bridge applies them beside the masks of its VLANs, so that a port's change of state
// costs an edit of a few bits, however many ports and VLANs there are.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

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

// Whether sources are learned in the state.
[[nodiscard]] constexpr bool LetsFramesIn(PortState state) {
  return state == PortState::kLearning || state == PortState::kForwarding;
}

// The state that lets pass what both do.
[[nodiscard]] constexpr PortState Narrower(PortState own, PortState of_tree) {
  if (own == PortState::kDisabled || of_tree == PortState::kForwarding) return own;
  if (of_tree == PortState::kLearning && own == PortState::kForwarding) return of_tree;
  return of_tree == PortState::kLearning ? own : of_tree;
}

// The gate of one port.
struct PortGate {
  PortState state = PortState::kDisabled;
  bool is_shut_down = false;  // by a guard, which is why its state is disabled

  bool operator==(const PortGate&) const = default;
};

// The gates of all ports. A port that was never set is disabled.
class GateMasks {
 public:
  // True when that changes anything.
  bool Set(PortId port, PortGate gate) {
    bool changes = Put(enabled_, port, gate.state != PortState::kDisabled);
    changes |= Put(learning_, port, LetsFramesIn(gate.state));
    changes |= Put(forwarding_, port, gate.state == PortState::kForwarding);
    changes |= Put(shut_down_, port, gate.is_shut_down);
    return changes;
  }

  [[nodiscard]] const PortSet& enabled() const { return enabled_; }        // in any other state
  [[nodiscard]] const PortSet& learning() const { return learning_; }      // learning or forwarding
  [[nodiscard]] const PortSet& forwarding() const { return forwarding_; }  // forwarding
  [[nodiscard]] const PortSet& shut_down() const { return shut_down_; }

  bool operator==(const GateMasks&) const = default;

 private:
  static bool Put(PortSet& set, PortId port, bool is_in) {
    if (set.contains(port) == is_in) return false;
    if (is_in) {
      set.insert(port);
    } else {
      set.erase(port);
    }
    return true;
  }

  PortSet enabled_;
  PortSet learning_;
  PortSet forwarding_;
  PortSet shut_down_;
};

}  // namespace tapswitch
