// The spanning tree as a protocol of the bridge: BPDUs and the state of links in, states of ports,
// flushes, BPDUs and alarms out. It is off at first, and then sees nothing.

#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/protocol.h"
#include "switch/protocol/stp/settings.h"
#include "switch/protocol/stp/tree.h"

namespace tapswitch {

// The state of the tree at one moment, as plain data.
struct SpanningTreeSnapshot {
  stp::BridgeIdentifier bridge;
  stp::PriorityVector root;
  stp::Times root_times;
  std::optional<PortId> root_port;
  stp::Tree::TopologyChanges changes;
  struct Port {
    stp::TreePort port;
    uint32_t cost = 0;
  };
  std::vector<Port> ports;  // by ascending id
};

class SpanningTree final : public Protocol {
 public:
  // Events that wait to be taken at most; further ones are only counted.
  static constexpr size_t kMostEvents = 1024;

  // The caller sets the states of all ports: forwarding when it is off, else blocking.
  void Configure(const SpanningTreeSettings& settings, MacAddress address, Tick now);
  [[nodiscard]] const SpanningTreeSettings& settings() const { return settings_; }
  // Asks the neighbour of a port anew for its version.
  void CheckMigration(PortId port, Tick now) {
    if (tree_) tree_->CheckMigration(port, now);
  }

  // Empties the list of what has happened.
  [[nodiscard]] std::vector<stp::Event> TakeEvents() { return std::exchange(events_, {}); }
  [[nodiscard]] bool has_events() const { return !events_.empty(); }

  // Nothing while it is off.
  [[nodiscard]] std::optional<SpanningTreeSnapshot> Snapshot() const;

  // Nothing while it is off.
  [[nodiscard]] std::optional<stp::Tree::Memory> Remember() const;
  // Goes on where the tree of another process was. Without effect while it is off. The caller sets
  // the ports' states afterwards, which VisitStates tells.
  void Restore(const stp::Tree::Memory& memory, const ForwardingView& view, Tick now);
  template <typename Visit>
  void VisitStates(Visit&& visit) const {
    if (!tree_) return;
    tree_->ports().ForEach([&](PortId id) { visit(id, tree_->state(id)); });
  }

  // BPDUs, while it is on.
  [[nodiscard]] ProtocolInterests interests() const override;
  ProtocolVerdict See(const ParsedFrame& frame, ProtocolContext& context) override;
  void OnTick(ProtocolContext& context) override;
  [[nodiscard]] std::optional<Tick> next_deadline() const override;
  void OnPorts(const ForwardingView& /*view*/) override { ports_have_changed_ = true; }
  void OnClosed(PortId port) override;
  // Kept while the tree is off, too.
  void OnLinkSpeed(PortId port, uint32_t speed) override;

 private:
  class Effects;

  void FollowPorts(const ForwardingView& view, Tick now);

  SpanningTreeSettings settings_;
  std::optional<stp::Tree> tree_;  // while it is on
  bool ports_have_changed_ = false;
  std::vector<uint32_t> link_speeds_ = std::vector<uint32_t>(kMaxPorts);  // by port
  std::vector<stp::Event> events_;
};

}  // namespace tapswitch
