// The gate of each port, which tells who may pass. It follows from the port's link, from the state
// that is wanted of it, from the bridge's guards, and from whether all its queues are there.
//
// A gate opens and closes at once, however often a link goes up and down: that is an edit of a few
// bits, while a delay would cost the first frames of who has just connected.
//
// One thread calls everything, with the bridge locked.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "switch/forwarding/bridge.h"
#include "switch/forwarding/gate_masks.h"
#include "switch/forwarding/guards/alarms.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

// A port that one of the bridge's guards has shut down.
struct ShutDown {
  Alarm::Kind cause = Alarm::Kind::kStorm;
  std::optional<Tick> until;  // nothing: until somebody recovers it by hand

  bool operator==(const ShutDown&) const = default;
};

class PortGates {
 public:
  // `bridge` outlives this; the gates of its view are set here and nowhere else.
  explicit PortGates(Bridge& bridge) : bridge_(bridge) {}

  // A masked port is in the bridge's view, and nothing passes it. Its link is down at first.
  void Add(PortId id, bool is_masked);
  void Remove(PortId id);

  void SetMasked(PortId id, bool is_masked);
  // True when it was up and is now down, or the other way round.
  bool SetLink(PortId id, bool is_up);
  void ShutDownPort(PortId id, const ShutDown& why);
  // False, and without effect, for a port that is not shut down.
  bool Recover(PortId id);

  // The bridge's view has been replaced: its gates follow, with the states that are wanted now.
  void FollowView();

  // Calls `recover` of each port that was shut down until now.
  void ActOnTime(Tick now, const std::function<void(PortId)>& recover);
  // When ActOnTime has something to do; nothing: never.
  [[nodiscard]] std::optional<Tick> next_deadline() const { return next_deadline_; }

  // In effect; disabled when there is no such port.
  [[nodiscard]] PortState state(PortId id) const { return bridge_.state(id); }
  [[nodiscard]] bool is_masked(PortId id) const { return Find(id).is_masked; }
  [[nodiscard]] const std::optional<ShutDown>& shut_down(PortId id) const {
    return Find(id).shut_down;
  }

  // Whether any gate has changed since the last call.
  [[nodiscard]] bool TakeChanged();

 private:
  struct Port {
    bool is_there = false;
    bool is_masked = false;
    bool is_link_up = false;
    std::optional<ShutDown> shut_down;
  };

  [[nodiscard]] const Port& Find(PortId id) const;
  [[nodiscard]] PortGate GateOf(PortId id) const;
  void Apply(PortId id);
  void Expect(Tick deadline);

  Bridge& bridge_;
  std::vector<Port> ports_;  // by id
  std::optional<Tick> next_deadline_;
  bool is_changed_ = false;
};

}  // namespace tapswitch
