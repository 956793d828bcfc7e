// Applies single actions to the running switch. It opens devices on the calling thread, where that
// may take time, and has the worker do the rest between two batches.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "ports/interface/exclusion/switchover.h"
#include "ports/interface/netdev/netdev_options.h"
#include "ports/port.h"
#include "ports/port_handover.h"
#include "ports/socket/unix_listeners.h"
#include "switch/control/apply/vni_host.h"
#include "switch/control/config/bridge_config.h"
#include "switch/control/guests/guest_links.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

class Actuator {
 public:
  // `own_address` is the bridge's, which is in the table as an address without a VLAN.
  Actuator(RunningSwitch running, MacAddress own_address);

  // Sets a function that is called before a port's name is dropped. By then the port carries no
  // frames, and no event of it is published any more.
  void set_before_forgetting(std::function<void(PortId)> handler) {
    before_forgetting_ = std::move(handler);
  }

  void set_missing_interfaces(MissingInterface missing) { missing_ = missing; }
  // See RunningBridge.
  void set_inherited(std::map<std::string, PortHandover, std::less<>>* ports,
                     std::map<std::string, PortId, std::less<>> ids) {
    inherited_ = ports;
    inherited_ids_ = std::move(ids);
  }
  void set_switchover(std::shared_ptr<Switchover> switchover) {
    switchover_ = std::move(switchover);
  }

  // Sets what carries out actions about VNIs, and outlives this. Null: there can be none.
  void set_vni_host(VniHost* host) { vnis_ = host; }

  // Sets what tells guests of their carrier, and outlives this. Null: there can be none.
  void set_guest_links(GuestLinks* guests) { guests_ = guests; }

  // Applies an action. After an error nothing has changed, with one exception: a port whose device
  // cannot be reopened is removed from the worker. It keeps its id and may be opened once more.
  [[nodiscard]] absl::Status Apply(const Action& action);

  // Returns and clears the obstacles of ports that were opened since the last call, one line each.
  // They are logged, too.
  [[nodiscard]] std::vector<std::string> TakeWarnings() { return std::exchange(warnings_, {}); }

  // Returns the id of a port that was added and not removed since.
  [[nodiscard]] std::optional<PortId> Find(std::string_view name) const;
  // Returns the name of a port; empty if there is no such port.
  [[nodiscard]] std::string_view NameOf(PortId id) const;

  // Has the other end of a port's link see a carrier, or none; the port's own link follows. An
  // error says what can be done instead, and nothing has changed.
  [[nodiscard]] absl::Status SetCarrier(PortId id, bool is_on);

 private:
  [[nodiscard]] absl::Status ApplyOne(const SetBridge& action);
  [[nodiscard]] absl::Status ApplyOne(const RemovePort& action);
  [[nodiscard]] absl::Status ApplyOne(const AddPort& action);
  [[nodiscard]] absl::Status ApplyOne(const ReopenPort& action);
  [[nodiscard]] absl::Status ApplyOne(const SetPort& action);
  [[nodiscard]] absl::Status ApplyOne(const RemoveMirror& action);
  [[nodiscard]] absl::Status ApplyOne(const AddMirror& action);
  [[nodiscard]] absl::Status ApplyOne(const MakeVni& action);
  [[nodiscard]] absl::Status ApplyOne(const JoinVni& action);
  [[nodiscard]] absl::Status ApplyOne(const LeaveVni& action);
  [[nodiscard]] absl::Status ApplyOne(const FreeVni& action);

  [[nodiscard]] std::optional<PortId> FreeId(std::string_view name) const;
  using Queues = std::vector<std::unique_ptr<Port>>;
  [[nodiscard]] PortHandover* FindInherited(std::string_view name) const;
  [[nodiscard]] absl::StatusOr<Queues> Open(PortId id, const PortConfig& port);
  void Warn(std::string_view port, std::string_view line);
  void WarnOfStations(PortId id, const PortConfig& port, MacAddress address);
  [[nodiscard]] absl::Status Attach(PortId id, Queues queues, const PortSettings& settings);
  [[nodiscard]] PortForwarding Forwarding(PortId id, const PortSettings& settings) const;
  void NoteEphemeral(PortId id, const PortConfig& port);
  [[nodiscard]] absl::Status FollowCarrier(PortId id, const PortSettings& settings);
  [[nodiscard]] absl::Status FollowGuest(PortId id, const std::optional<GuestPlace>& guest);
  [[nodiscard]] absl::Status TellOtherEnd(PortId id, bool is_on);
  void ForgetGuest(PortId id);
  // Those of a port that are to change.
  using NewImpairments =
      std::array<std::optional<Workers::Impaired>, kPortDirectionCount>;  // by PortDirection
  [[nodiscard]] absl::StatusOr<NewImpairments> MakeImpairments(PortId id,
                                                               const PortSettings& settings);
  void SetImpairments(PortId id, const PortSettings& settings, NewImpairments impairments);
  void ForgetImpairments(PortId id);
  void SetLimits(PortId id, const PortSettings& settings);
  void Forget(PortId id);
  void Forget(PortId id, const VlanSet& vlans);
  void SetOwnAddress(const VlanSet& vlans);
  void SetMirrors();

  RunningSwitch running_;
  MacAddress own_address_;
  VlanSet own_vlans_;  // VLANs that have the own address in the table
  UnixListeners listeners_;
  MissingInterface missing_ = MissingInterface::kRefused;
  std::shared_ptr<Switchover> switchover_;  // of ports that are opened now
  std::map<std::string, PortHandover, std::less<>>* inherited_ = nullptr;
  std::map<std::string, PortId, std::less<>> inherited_ids_;
  std::function<void(PortId)> before_forgetting_;
  VniHost* vnis_ = nullptr;
  GuestLinks* guests_ = nullptr;
  PortSet ephemeral_;
  std::vector<std::string> names_;  // by id; empty: the id is free
  PortSet off_;                     // ports whose carrier is off by hand
  std::map<PortId, GuestPlace> guest_places_;
  std::map<PortId, std::array<ImpairmentPlan, kPortDirectionCount>> impairments_;  // in effect
  std::vector<MirrorConfig> mirrors_;
  std::vector<std::string> warnings_;
  std::array<uint16_t, kMaxPorts> generations_{};  // generation of the next port with this id
};

}  // namespace tapswitch
