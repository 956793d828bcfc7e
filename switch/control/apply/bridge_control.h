// A bridge as methods see it: they read its configuration, change it, and ask it questions. It
// knows nothing of JSON and sockets. RunningBridge is the one that carries frames; PlannedBridge
// carries none, and shows what would become of one.
//
// One thread calls it.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/interface/exclusion/switchover.h"
#include "ports/interface/netdev/netdev_options.h"
#include "ports/port_handover.h"
#include "switch/control/apply/fdb_edit.h"
#include "switch/control/apply/mdb_edit.h"
#include "switch/control/apply/port_descriptions.h"
#include "switch/control/config/bridge_config.h"
#include "switch/control/guests/guest_links.h"
#include "switch/forwarding/advice/trace.h"
#include "switch/protocol/multicast/multicast_snooping.h"
#include "switch/protocol/neighbours/neighbour_table.h"
#include "switch/workers/offload/flow_offload.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

// How the process came to the bridge that another process had.
struct HandoverReport {
  uint64_t count = 0;  // of handovers, since the bridge began; 0: this process has begun it
  std::string from_version{};
  std::chrono::nanoseconds gap{};       // for which nobody forwarded
  bool after_death = false;             // the other process was killed
  std::vector<std::string> not_kept{};  // lines for people
};

// The error of whoever sets a neighbour while none are kept.
[[nodiscard]] absl::Status NeighboursAreNotKept();

class BridgeControl {
 public:
  struct Identity {
    std::string name;
    MacAddress address;  // a permanent entry without a VLAN
    std::string io;      // how frames are carried, for people
    Tick started;        // when the bridge began
  };

  virtual ~BridgeControl() = default;
  BridgeControl(const BridgeControl&) = delete;
  BridgeControl& operator=(const BridgeControl&) = delete;

  [[nodiscard]] const Identity& identity() const { return identity_; }
  [[nodiscard]] const BridgeConfig& config() const { return config_; }

  // Changes the bridge to the wanted configuration, action by action. The first error ends it; the
  // actions before it stay in effect.
  [[nodiscard]] absl::Status Change(const BridgeConfig& wanted);

  // How often Change was called, or neighbours were set or removed: whoever keeps the state of the
  // bridge elsewhere compares it.
  [[nodiscard]] uint64_t changes() const { return changes_; }

  [[nodiscard]] const HandoverReport& handover() const { return handover_; }
  void set_handover(HandoverReport report) { handover_ = std::move(report); }

  // Other threads may read these.
  [[nodiscard]] const PortDescriptions& descriptions() const { return descriptions_; }

  // Returns the obstacles of ports that Change has opened: see Actuator.
  [[nodiscard]] virtual std::vector<std::string> TakeWarnings() { return {}; }

  // Sets what becomes from now on of ports whose interface is missing.
  virtual void set_missing_interfaces(MissingInterface /*missing*/) {}

  // Lets interfaces that are ports of the kernel's bridge become ports, whose sockets receive from
  // its completion on. It is kept, for the way back, until null is set.
  virtual void set_switchover(std::shared_ptr<Switchover> switchover) {
    switchover_ = std::move(switchover);
  }
  [[nodiscard]] const std::shared_ptr<Switchover>& switchover() const { return switchover_; }

  // Adds what the VNI of port `dev` needs in another process. False when no descriptor is left.
  [[nodiscard]] virtual bool HandOverVni(std::string_view /*dev*/,
                                         PortHandover& /*handover*/) const {
    return true;
  }

  // Returns the id of a port. NotFound names the port.
  [[nodiscard]] absl::StatusOr<PortId> FindPort(std::string_view name) const;
  // Returns the name of a port or of the bridge itself; "?" for a port that has gone.
  [[nodiscard]] std::string NameOf(PortId id) const;

  // Takes a snapshot. Workers take part between two batches, so a caller that asks again at once
  // has to wait for a moment (Pacer).
  [[nodiscard]] virtual SwitchSnapshot Snapshot() const = 0;
  // Takes a snapshot without waiting: once per change, which costs the workers as much itself.
  [[nodiscard]] virtual SwitchSnapshot SnapshotOfChange() const = 0;

  [[nodiscard]] virtual absl::Status AddEntry(FdbVerb verb, const FdbRequest& request) = 0;
  [[nodiscard]] virtual absl::Status DeleteEntry(VlanId vlan, MacAddress address, PortId port) = 0;
  // Finds the entries of an address; without a VLAN, in all VLANs.
  [[nodiscard]] virtual std::vector<MacEntry> FindEntry(std::optional<VlanId> vlan,
                                                        MacAddress address) const = 0;
  // Returns the counters of a port in each of `vlans`, in ascending order.
  [[nodiscard]] virtual std::vector<VlanCounters> CountersIn(const VlanSet& vlans,
                                                             PortId port) const = 0;
  // Hands all live entries to `visit`, some thousand at a time, on this thread. Frames are
  // forwarded in between.
  virtual void VisitEntries(const std::function<void(std::span<const MacEntry>)>& visit) const = 0;
  // Removes the entries that `unwanted` selects; the worker's thread calls it. Returns how many.
  using EntryFilter = std::function<bool(const MacEntry&)>;
  virtual uint64_t Flush(const EntryFilter& unwanted) = 0;

  // Returns when each frame whose way was decided before the call has left.
  virtual void AwaitSent() {}

  // Lets a port that was shut down forward again. Returns false if it was not shut down.
  [[nodiscard]] virtual bool Recover(PortId port) = 0;

  // Has the other end of a port's link see a carrier, or none, whatever the configuration says.
  [[nodiscard]] virtual absl::Status SetCarrier(PortId /*port*/, bool /*is_on*/) {
    return absl::OkStatus();
  }

  // Returns what the guest was told of its carrier.
  [[nodiscard]] virtual GuestLinks::Status StatusOf(const GuestPlace& /*guest*/) const {
    return {};
  }

  // Asks the neighbour of a port anew whether it speaks RSTP.
  virtual void CheckMigration(PortId /*port*/) {}

  // Returns the neighbours, each with the port of its station, if that is known.
  struct NeighbourEntry {
    Neighbour neighbour;
    std::optional<PortId> port;
  };
  [[nodiscard]] virtual std::vector<NeighbourEntry> Neighbours() const = 0;
  // Whether neighbours are kept: a port has neigh_suppress.
  [[nodiscard]] bool KeepsNeighbours() const;
  // Sets a neighbour that does not age. FailedPrecondition while none are kept; ResourceExhausted
  // when there is no room.
  [[nodiscard]] virtual absl::Status FixNeighbour(const Neighbour& neighbour) = 0;
  // Removes the neighbours that `unwanted` selects; the worker's thread calls it. Returns how many.
  using NeighbourFilter = std::function<bool(const NeighbourEntry&)>;
  virtual uint64_t FlushNeighbours(const NeighbourFilter& unwanted) = 0;

  // Returns what the kernel carries.
  struct KernelFlow {
    ShownFlow flow;
    uint64_t hits = 0;
    bool is_pending = false;
  };
  struct KernelFlows {
    std::string why_none;  // empty: the kernel may carry conversations
    uint64_t refused = 0;
    std::vector<KernelFlow> flows;
  };
  [[nodiscard]] virtual KernelFlows FlowsOfKernel() const { return {}; }

  // Returns the multicast groups, by ascending key. Frames are forwarded in between.
  using GroupEntry = std::pair<GroupKey, MulticastGroup>;
  [[nodiscard]] virtual std::vector<GroupEntry> Groups() const = 0;
  [[nodiscard]] virtual absl::Status AddGroup(MdbVerb verb, const MdbRequest& request) = 0;
  [[nodiscard]] virtual absl::Status DeleteGroup(const GroupKey& key, PortId port,
                                                 IpAddress source) = 0;

  // Returns what multicast snooping knows besides.
  struct MulticastStatus {
    std::vector<SnoopedStatus> vlans;
    PortSet deaf;
    PortSet flooded;
    std::vector<std::pair<PortId, uint32_t>> refused;  // memberships, by port; without zeros
    std::vector<UnwantedSender> unwanted;
  };
  [[nodiscard]] virtual MulticastStatus Multicast() const = 0;
  // Returns the entries of a port in a VLAN.
  [[nodiscard]] virtual uint32_t GroupsOf(PortId port, VlanId vlan) const = 0;

  [[nodiscard]] virtual Tick now() const = 0;

  // Returns what the switch would do with a frame that came in by `ingress` now. Of `bytes`, which
  // may be empty, the IP addresses are read where groups are concerned.
  [[nodiscard]] virtual absl::StatusOr<Trace> TraceFrame(
      PortId ingress, const EthernetHeader& header, std::span<const std::byte> bytes) const = 0;

  // Sets whether changes of the address table are published.
  virtual void WatchTable(bool watch) { watched_ = watch; }
  // Sets whether changes of multicast groups are published.
  virtual void WatchGroups(bool watch) { groups_are_watched_ = watch; }
  [[nodiscard]] bool watches_groups() const { return groups_are_watched_; }
  [[nodiscard]] bool watches_table() const { return watched_; }

 protected:
  explicit BridgeControl(Identity identity) : identity_(std::move(identity)) {}

  // Carries out one action. After an error nothing has changed.
  [[nodiscard]] virtual absl::Status Apply(const Action& action) = 0;
  // Finds a port; nothing, or an empty name, if there is none.
  [[nodiscard]] virtual std::optional<PortId> Find(std::string_view name) const = 0;
  [[nodiscard]] virtual std::string_view Name(PortId id) const = 0;

  void set_config(BridgeConfig config) { config_ = std::move(config); }
  void NoteChange() { ++changes_; }

 private:
  [[nodiscard]] absl::Status CarryOut(const std::vector<Action>& actions);
  void ForgetLocked(const SetPort& action);

  Identity identity_;
  HandoverReport handover_;
  uint64_t changes_ = 0;
  BridgeConfig config_;
  PortDescriptions descriptions_;  // those of config_
  bool watched_ = false;
  std::shared_ptr<Switchover> switchover_;
  bool groups_are_watched_ = false;
};

}  // namespace tapswitch
