// Carries out single actions on the running switch: opens devices where that may take its time, on
// the calling thread, and has the worker do the rest between two batches.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "ports/port.h"
#include "ports/socket/unix_listeners.h"
#include "switch/control/config/bridge_config.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

class Actuator {
 public:
  // `own_address`: of the bridge, which is in the table as an address without a VLAN.
  Actuator(const RunningSwitch& running, MacAddress own_address);

  // Called before a port's name is forgotten, when nothing comes or goes by it, and nothing is
  // published of it, any more.
  void set_before_forgetting(std::function<void(PortId)> handler) {
    before_forgetting_ = std::move(handler);
  }

  // On an error nothing has changed, except that a port whose device cannot be opened again is gone
  // from the worker; it keeps its id and may be opened once more.
  [[nodiscard]] absl::Status Apply(const Action& action);

  // What is in the way of ports that were opened since the last call, a line each. The log has them,
  // too.
  [[nodiscard]] std::vector<std::string> TakeWarnings() { return std::exchange(warnings_, {}); }

  // Of a port that was added and not removed since.
  [[nodiscard]] std::optional<PortId> Find(std::string_view name) const;
  // Empty when there is no such port.
  [[nodiscard]] std::string_view NameOf(PortId id) const;

 private:
  [[nodiscard]] absl::Status ApplyOne(const SetBridge& action);
  [[nodiscard]] absl::Status ApplyOne(const RemovePort& action);
  [[nodiscard]] absl::Status ApplyOne(const AddPort& action);
  [[nodiscard]] absl::Status ApplyOne(const ReopenPort& action);
  [[nodiscard]] absl::Status ApplyOne(const SetPort& action);
  [[nodiscard]] absl::Status ApplyOne(const RemoveMirror& action);
  [[nodiscard]] absl::Status ApplyOne(const AddMirror& action);

  [[nodiscard]] std::optional<PortId> FreeId() const;
  using Queues = std::vector<std::unique_ptr<Port>>;
  [[nodiscard]] absl::StatusOr<Queues> Open(PortId id, const PortConfig& port);
  void Warn(std::string_view port, std::string_view line);
  void WarnOfStations(PortId id, const PortConfig& port, MacAddress address);
  [[nodiscard]] absl::Status Attach(PortId id, Queues queues, const PortSettings& settings);
  [[nodiscard]] PortForwarding Forwarding(PortId id, const PortSettings& settings) const;
  void NoteEphemeral(PortId id, const PortConfig& port);
  void SetLimits(PortId id, const PortSettings& settings);
  void Forget(PortId id);
  void Forget(PortId id, const VlanSet& vlans);
  void SetOwnAddress(const VlanSet& vlans);
  void SetMirrors();

  RunningSwitch running_;
  MacAddress own_address_;
  VlanSet own_vlans_;  // that have it in the table
  UnixListeners listeners_;
  std::function<void(PortId)> before_forgetting_;
  PortSet ephemeral_;
  std::vector<std::string> names_;  // by id; empty: the id is free
  std::vector<MirrorConfig> mirrors_;
  std::vector<std::string> warnings_;
  std::array<uint16_t, kMaxPorts> generations_{};  // of the next port with this id
};

}  // namespace tapswitch
