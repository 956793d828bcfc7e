// The running bridge: holds the configuration, changes it, and answers questions about the bridge.
// It knows nothing of JSON and sockets.
//
// One thread calls it. During a call the worker's thread must be running commands.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/control/apply/actuator.h"
#include "switch/control/apply/fdb_edit.h"
#include "switch/control/apply/pacer.h"
#include "switch/control/apply/port_descriptions.h"
#include "switch/control/config/bridge_config.h"
#include "switch/forwarding/trace.h"
#include "switch/workers/running_switch.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

class BridgeControl {
 public:
  struct Identity {
    std::string name;
    MacAddress address;  // a permanent entry without a VLAN
    std::string io;      // how frames are carried, for people
  };

  // `running` is a bridge without ports and with the defaults of BridgeSettings.
  BridgeControl(Identity identity, const RunningSwitch& running);

  [[nodiscard]] const Identity& identity() const { return identity_; }
  [[nodiscard]] const BridgeConfig& config() const { return config_; }

  // Changes the bridge to the wanted configuration, action by action. The first error ends it; the
  // actions before it stay in effect.
  [[nodiscard]] absl::Status Change(const BridgeConfig& wanted);

  // Other threads may read these.
  [[nodiscard]] const PortDescriptions& descriptions() const { return descriptions_; }

  // Returns the obstacles of ports that Change has opened: see Actuator.
  [[nodiscard]] std::vector<std::string> TakeWarnings() { return actuator_.TakeWarnings(); }

  // Returns the id of a port. NotFound names the port.
  [[nodiscard]] absl::StatusOr<PortId> FindPort(std::string_view name) const;
  // Returns the name of a port or of the bridge itself; "?" for a port that has gone.
  [[nodiscard]] std::string NameOf(PortId id) const;

  // Takes a snapshot. Workers take part between two batches, so a caller that asks again at once
  // has to wait for a moment (Pacer).
  [[nodiscard]] SwitchSnapshot Snapshot() const;
  // Takes a snapshot without waiting: once per change, which costs the workers as much itself.
  [[nodiscard]] SwitchSnapshot SnapshotOfChange() const;

  [[nodiscard]] absl::Status AddEntry(FdbVerb verb, const FdbRequest& request);
  [[nodiscard]] absl::Status DeleteEntry(VlanId vlan, MacAddress address, PortId port);
  // Finds the entries of an address; without a VLAN, in all VLANs.
  [[nodiscard]] std::vector<MacEntry> FindEntry(std::optional<VlanId> vlan,
                                                MacAddress address) const;
  // Returns the counters of a port in each of `vlans`, in ascending order.
  [[nodiscard]] std::vector<VlanCounters> CountersIn(const VlanSet& vlans, PortId port) const;
  // Hands all live entries to `visit`, some thousand at a time, on this thread. Frames are
  // forwarded in between.
  void VisitEntries(const std::function<void(std::span<const MacEntry>)>& visit) const;
  using EntryFilter = std::function<bool(const MacEntry&)>;
  // Removes the entries that `unwanted` selects; the worker's thread calls it. Returns how many.
  uint64_t Flush(const EntryFilter& unwanted);

  // Lets a port that was shut down forward again. Returns false if it was not shut down.
  [[nodiscard]] bool Recover(PortId port);

  // Returns the neighbours, each with the port of its station, if that is known.
  struct NeighbourEntry {
    Neighbour neighbour;
    std::optional<PortId> port;
  };
  [[nodiscard]] std::vector<NeighbourEntry> Neighbours() const;
  using NeighbourFilter = std::function<bool(const NeighbourEntry&)>;
  // Removes the neighbours that `unwanted` selects; the worker's thread calls it. Returns how many.
  uint64_t FlushNeighbours(const NeighbourFilter& unwanted);

  [[nodiscard]] Tick now() const { return running_.clock.Now(); }

  // Returns what the switch would do with a frame that came in by `ingress` now.
  [[nodiscard]] absl::StatusOr<Trace> TraceFrame(PortId ingress,
                                                 const EthernetHeader& header) const;

  // Sets a function that is called before a port's name is dropped: see Actuator.
  void set_before_forgetting(std::function<void(PortId)> handler) {
    actuator_.set_before_forgetting(std::move(handler));
  }

  // Sets whether changes of the address table are published.
  void WatchTable(bool watch);
  [[nodiscard]] bool watches_table() const { return watched_; }

 private:
  [[nodiscard]] NeighbourEntry WithPort(const Neighbour& neighbour, Tick now) const;
  [[nodiscard]] absl::Status CarryOut(const std::vector<Action>& actions);
  void ForgetLocked(const SetPort& action);

  Identity identity_;
  RunningSwitch running_;
  BridgeConfig config_;
  PortDescriptions descriptions_;  // those of config_
  Actuator actuator_;
  bool watched_ = false;
  mutable Pacer snapshots_;
};

}  // namespace tapswitch
