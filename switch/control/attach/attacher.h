// Attaches the interfaces that --attach names when they come up. Removes ephemeral ports, attached
// or added, when their interface is gone for good. Deletes an interface that the helper gave to a
// guest once no process holds it any more.
//
// It attaches interfaces of the network namespace that the switch runs in. It does not attach one
// that is a port already, or belongs to one. It changes the wanted configuration as a user would,
// and changes no interface otherwise.

#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/interface/tap/abandoned_tap.h"
#include "ports/netlink/link_state.h"
#include "ports/os/netns.h"
#include "ports/port_spec.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/attach/attach_ledger.h"
#include "switch/control/attach/attach_rule.h"
#include "switch/control/rpc/monitor.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

class Attacher {
 public:
  // The objects that the arguments refer to must outlive this one.
  Attacher(BridgeControl& control, Monitor& monitor, RunningSwitch running,
           std::span<const AttachRule> rules);

  // Attaches the interfaces that exist and are up. A failure to attach one is logged, and is no
  // error.
  [[nodiscard]] absl::Status Start();

  // Goes on where another process has ended, before Start: ephemeral ports of the configuration go
  // with their interfaces, and these interfaces are not attached again.
  [[nodiscard]] absl::Status Inherit(std::span<const uint64_t> settled);
  // The interfaces that are not to be attached again, though they are there, by ifindex.
  [[nodiscard]] std::vector<uint64_t> Settled() const { return ledger_.Settled(); }

  // Records an event of an interface; Step acts on it.
  void OnLink(const LinkEvent& link);

  // Does the next task, if there is one.
  void Step();
  // The time until the next task, if no event comes; nothing: for ever.
  [[nodiscard]] std::optional<std::chrono::milliseconds> patience() const;
  [[nodiscard]] bool has_work() const { return ledger_.has_tasks(); }

  // Identifies an interface besides its name, for callers that must not get another one of that
  // name.
  struct Whereabouts {
    std::optional<int> ifindex;
    std::optional<NetnsId> netns;
  };

  // Changes the settings of a port; nothing is done after an error.
  using SettingsEdit = std::function<absl::Status(PortSettings& settings)>;

  // Adds a netdev port that is removed with its interface. The interface must exist. The port gets
  // the settings of the matching rule, if there is one, as changed by `edit`. No error if the
  // interface is attached already; `edit` then changes the settings that it has.
  [[nodiscard]] absl::Status Add(const PortSpec& spec, const Whereabouts& whereabouts,
                                 const SettingsEdit& edit);

 private:
  [[nodiscard]] absl::Status Watch();
  void RemoveLeftTaps();
  void Attach(const AttachLedger::Task& task);
  // Removes the interfaces of `links` that the helper gave to a guest and that no process holds any
  // more.
  void RemoveAbandoned(std::span<const LinkState> links);
  void LookAtDoubtful();
  void Detach(std::string_view name);
  // Whether a port made the interface, or uses it.
  [[nodiscard]] bool BelongsToAPort(int ifindex) const;
  // Returns the process that holds the interface. During start-up it waits a little, in total, for
  // the holder to end.
  [[nodiscard]] std::optional<std::string> PatientOwnerOf(int ifindex) const;
  // Removes port `name` if it depends on another interface that had the name before.
  void RemoveLeftOver(std::string_view name, int ifindex);
  [[nodiscard]] absl::StatusOr<int> FindInterface(const PortSpec& spec,
                                                  const Whereabouts& whereabouts);
  // `rule` is null if the interface has none.
  [[nodiscard]] PortConfig EphemeralPort(const PortSpec& spec, const AttachRule* rule) const;
  [[nodiscard]] absl::Status AddPort(const PortConfig& port, int ifindex);

  BridgeControl& control_;
  Monitor& monitor_;
  RunningSwitch running_;
  std::span<const AttachRule> rules_;
  AttachLedger ledger_;
  std::chrono::steady_clock::time_point patient_until_{};
  std::optional<NetworkNamespace> netns_;  // set once it is watched
  // Interfaces of ephemeral ports while they have no carrier. The kernel does not announce the end
  // of their holder if that has made them persistent.
  std::set<int> doubtful_;
  AbandonedTaps abandoned_taps_;
  Tick looked_at_;  // time of the last check
};

}  // namespace tapswitch
