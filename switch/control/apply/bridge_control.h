// The bridge as it is run: holds the configuration, changes it, and answers what there is. Knows
// nothing of JSON and sockets.
//
// One thread calls it. While a call lasts the worker's thread must be running commands.

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

  // `running` is a bridge without ports, as BridgeSettings has it by default.
  BridgeControl(Identity identity, const RunningSwitch& running);

  [[nodiscard]] const Identity& identity() const { return identity_; }
  [[nodiscard]] const BridgeConfig& config() const { return config_; }

  // Makes the bridge what is wanted, action by action. The first that fails ends it; those before it
  // stay.
  [[nodiscard]] absl::Status Change(const BridgeConfig& wanted);

  // What is in the way of ports that Change has opened: see Actuator.
  [[nodiscard]] std::vector<std::string> TakeWarnings() { return actuator_.TakeWarnings(); }

  // NotFound names the port.
  [[nodiscard]] absl::StatusOr<PortId> FindPort(std::string_view name) const;
  // Also of the bridge itself; "?" of a port that has gone.
  [[nodiscard]] std::string NameOf(PortId id) const;

  // Workers take it between two batches, so who asks again at once has to wait for a moment (Pacer).
  [[nodiscard]] SwitchSnapshot Snapshot() const;
  // The same without waiting: once for a change, which has just cost the workers as much.
  [[nodiscard]] SwitchSnapshot SnapshotOfChange() const;

  [[nodiscard]] absl::Status AddEntry(FdbVerb verb, const FdbRequest& request);
  [[nodiscard]] absl::Status DeleteEntry(VlanId vlan, MacAddress address, PortId port);
  // Without a VLAN: in all of them.
  [[nodiscard]] std::vector<MacEntry> FindEntry(std::optional<VlanId> vlan,
                                                MacAddress address) const;
  // What a port carried in each of `vlans`, in ascending order.
  [[nodiscard]] std::vector<VlanCounters> CountersIn(const VlanSet& vlans, PortId port) const;
  // Hands over all live entries, some thousand at a time, on this thread; frames go on in between.
  void VisitEntries(const std::function<void(std::span<const MacEntry>)>& visit) const;
  using EntryFilter = std::function<bool(const MacEntry&)>;
  // Removes what `unwanted`, called by the worker's thread, takes; returns how many.
  uint64_t Flush(const EntryFilter& unwanted);

  // Has a port that was shut down forward again. False: it was not.
  [[nodiscard]] bool Recover(PortId port);

  // A neighbour, and the port that its station is behind now, if that is known.
  struct NeighbourEntry {
    Neighbour neighbour;
    std::optional<PortId> port;
  };
  [[nodiscard]] std::vector<NeighbourEntry> Neighbours() const;
  using NeighbourFilter = std::function<bool(const NeighbourEntry&)>;
  // Forgets those that `unwanted`, called by the worker's thread, takes; returns how many.
  uint64_t FlushNeighbours(const NeighbourFilter& unwanted);

  [[nodiscard]] Tick now() const { return running_.clock.Now(); }

  // What the switch would do with a frame that came in by `ingress` now.
  [[nodiscard]] absl::StatusOr<Trace> TraceFrame(PortId ingress,
                                                 const EthernetHeader& header) const;

  // See Actuator.
  void set_before_forgetting(std::function<void(PortId)> handler) {
    actuator_.set_before_forgetting(std::move(handler));
  }

  // Whether changes of the address table are published.
  void WatchTable(bool watch);
  [[nodiscard]] bool watches_table() const { return watched_; }

 private:
  [[nodiscard]] NeighbourEntry WithPort(const Neighbour& neighbour, Tick now) const;
  void ForgetLocked(const SetPort& action);

  Identity identity_;
  RunningSwitch running_;
  BridgeConfig config_;
  Actuator actuator_;
  bool watched_ = false;
  mutable Pacer snapshots_;
};

}  // namespace tapswitch
