// All protocols that the bridge takes part in. This is the place where a protocol is added: a
// member here, registered in the constructor.

#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "switch/forwarding/ids.h"
#include "switch/protocol/loop/loop_detector.h"
#include "switch/protocol/multicast/multicast_snooping.h"
#include "switch/protocol/neighbours/neighbour_proxy.h"
#include "switch/protocol/protocol_event.h"
#include "switch/protocol/stp/spanning_tree.h"

namespace tapswitch {

// The state that protocols show of themselves.
struct ProtocolSnapshot {
  LoopDetector::Counters loop_detection;
  NeighbourProxy::Counters neighbours;
  size_t neighbour_entries = 0;
  MulticastSnooping::Counters multicast;
  Memberships::Counters memberships;
  size_t multicast_groups = 0;
  size_t multicast_entries = 0;
  size_t multicast_deaf_ports = 0;
  std::optional<SpanningTreeSnapshot> tree;  // nothing while it is off
};

class BridgeProtocols {
 public:
  // Registers the protocols for as long as this lives. `bridge` outlives this.
  explicit BridgeProtocols(Bridge& bridge) : bridge_(bridge), multicast_(bridge.groups()) {
    bridge_.protocols().Add(loop_detector_);
    bridge_.protocols().Add(multicast_);
    bridge_.protocols().Add(neighbours_);
    bridge_.protocols().Add(tree_);
  }
  ~BridgeProtocols() {
    bridge_.protocols().Remove(tree_);
    bridge_.protocols().Remove(neighbours_);
    bridge_.protocols().Remove(multicast_);
    bridge_.protocols().Remove(loop_detector_);
  }
  BridgeProtocols(const BridgeProtocols&) = delete;
  BridgeProtocols& operator=(const BridgeProtocols&) = delete;

  // Below, the bridge is locked where there are several threads.

  // Starts or stops to look for loops; takes effect at once. Without effect when nothing changes.
  void SetLoopDetection(const LoopDetection& settings, Tick now) {
    if (loop_detector_.settings() == settings) return;
    loop_detector_.Configure(settings, now);
    bridge_.TellProtocols();
  }

  // Starts or stops the spanning tree, or changes its settings. Without effect if nothing changes.
  // `address` is the bridge's.
  void SetSpanningTree(const SpanningTreeSettings& settings, MacAddress address, Tick now) {
    if (tree_.settings() == settings) return;
    const bool was_on = tree_.settings().is_on;
    tree_.Configure(settings, address, now);
    if (was_on != settings.is_on) {
      bridge_.SetInitialState(settings.is_on ? PortState::kBlocking : PortState::kForwarding);
    }
    bridge_.TellProtocols();
  }
  [[nodiscard]] SpanningTree& spanning_tree() { return tree_; }

  // Go on where those of another process were. The protocols were told of the ports, which nothing
  // passes yet, and are told again once they are open.
  void RestoreTree(const stp::Tree::Memory& memory, Tick now) {
    tree_.Restore(memory, bridge_.view(), now);
    tree_.VisitStates([this](PortId id, PortState state) { bridge_.RestoreState(id, state); });
  }
  void RestoreSnooping(const SnoopingMemory& memory, Tick now) { multicast_.Restore(memory, now); }

  // Returns what has happened since the last call. Hosts may be behind other ports than before a
  // change of topology of the tree: who queries asks them again.
  [[nodiscard]] std::vector<ProtocolEvent> TakeEvents(Tick now) {
    if (!tree_.has_events()) return {};
    const auto events = tree_.TakeEvents();
    if (std::ranges::any_of(events, [](const stp::Event& event) {
          return event.kind == stp::Event::Kind::kTopologyChange;
        })) {
      multicast_.AskAgain(now);
    }
    return {events.begin(), events.end()};
  }

  void OnLinkSpeed(PortId port, uint32_t speed) { bridge_.protocols().OnLinkSpeed(port, speed); }

  // Snoops, or not; takes effect at once. Without effect when nothing changes.
  void SetMulticast(const MulticastSettings& settings, Tick now) {
    if (multicast_.settings() == settings) return;
    multicast_.Configure(settings, now);
    bridge_.TellProtocols();
  }

  [[nodiscard]] MulticastSnooping& multicast() { return multicast_; }
  [[nodiscard]] const MulticastSnooping& multicast() const { return multicast_; }
  [[nodiscard]] LoopDetector& loop_detector() { return loop_detector_; }
  [[nodiscard]] NeighbourProxy& neighbours() { return neighbours_; }

  [[nodiscard]] ProtocolSnapshot Snapshot(Tick now) const {
    return {.loop_detection = loop_detector_.counters(),
            .neighbours = neighbours_.counters(),
            .neighbour_entries = neighbours_.table().CountAlive(now),
            .multicast = multicast_.counters(),
            .memberships = multicast_.memberships(),
            .multicast_groups = bridge_.groups().groups(),
            .multicast_entries = bridge_.groups().rows(),
            .multicast_deaf_ports = multicast_.deaf().size(),
            .tree = tree_.Snapshot()};
  }

 private:
  Bridge& bridge_;
  LoopDetector loop_detector_;
  MulticastSnooping multicast_;
  NeighbourProxy neighbours_;
  SpanningTree tree_;
};

}  // namespace tapswitch
