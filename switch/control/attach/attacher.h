// Attaches the interfaces that --attach names when they come up, and removes ports whose interface
// has gone for good: those, and others that were added as ephemeral. An interface that the helper
// gave to a guest, and that nobody holds any more, is deleted.
//
// Interfaces are those of the network namespace that the switch runs in. It attaches none that is a
// port already, or belongs to one, and changes none. All it does are changes of the wanted
// configuration, as if somebody typed them.

#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/interface/abandoned_tap.h"
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
  // All outlive this.
  Attacher(BridgeControl& control, Monitor& monitor, const RunningSwitch& running,
           std::span<const AttachRule> rules);

  // Attaches what is there and up. An interface that cannot be attached is no error, but logged.
  [[nodiscard]] absl::Status Start();

  // Takes note of what has happened to an interface; Step acts upon it.
  void OnLink(const LinkEvent& link);

  // Does the next thing that is to be done, if any.
  void Step();
  // How long there is nothing to do until something happens; nothing: for ever.
  [[nodiscard]] std::optional<std::chrono::milliseconds> patience() const;
  [[nodiscard]] bool has_work() const { return ledger_.has_tasks(); }

  // Which interface of a name is meant, for those who would not like another one instead.
  struct Whereabouts {
    std::optional<int> ifindex;
    std::optional<NetnsId> netns;
  };

  // Adds a netdev port that goes with its interface, which must be there, with the settings of the
  // rule that matches, if one does. That it has been attached already is no error.
  [[nodiscard]] absl::Status Add(const PortSpec& spec, const Whereabouts& whereabouts);

 private:
  [[nodiscard]] absl::Status Watch();
  void RemoveLeftTaps();
  void Attach(const AttachLedger::Task& task);
  // Removes the interfaces of `links` that the helper gave to a guest and that nobody holds any more.
  void RemoveAbandoned(std::span<const LinkState> links);
  void LookAtDoubtful();
  void Detach(std::string_view name);
  // Whether the interface is one that a port has made, or is on.
  [[nodiscard]] bool BelongsToAPort(int ifindex) const;
  // Who has the interface; at the start it waits a little, in all, for a process to end that does.
  [[nodiscard]] std::optional<std::string> PatientOwnerOf(int ifindex) const;
  // Removes port `name` when it depends on another interface, which had the name before.
  void RemoveLeftOver(std::string_view name, int ifindex);
  [[nodiscard]] absl::StatusOr<int> FindInterface(const PortSpec& spec,
                                                  const Whereabouts& whereabouts);
  // `rule`: null when there is none for it.
  [[nodiscard]] PortConfig EphemeralPort(const PortSpec& spec, const AttachRule* rule) const;
  [[nodiscard]] absl::Status AddPort(const PortConfig& port, int ifindex);

  BridgeControl& control_;
  Monitor& monitor_;
  RunningSwitch running_;
  std::span<const AttachRule> rules_;
  AttachLedger ledger_;
  std::chrono::steady_clock::time_point patient_until_{};
  std::optional<NetworkNamespace> netns_;  // once it is watched
  // Interfaces of ports that go with them, while they have no carrier: the kernel does not announce
  // that their holder has gone, if that has made them persistent.
  std::set<int> doubtful_;
  AbandonedTaps abandoned_taps_;
  Tick looked_at_;  // when it was last
};

}  // namespace tapswitch
