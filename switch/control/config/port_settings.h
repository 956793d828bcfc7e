// What can be set on a port, by bridge(8)'s names. One table says it all, and serves those who set,
// show and save.

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "switch/forwarding/forwarding_view.h"

namespace tapswitch {

// The defaults are those of the Linux bridge. Cost and priority belong to the spanning tree protocol;
// until there is one they are kept and shown.
struct PortSettings {
  PortState state = PortState::kForwarding;
  bool learning = true;
  bool flood = true;
  bool mcast_flood = true;
  bool bcast_flood = true;
  bool hairpin = false;
  bool isolated = false;
  bool locked = false;
  bool mab = false;
  bool neigh_suppress = false;
  bool loop_detection = true;  // takes part in it while the bridge looks for loops
  bool gro = true;  // frames of a flow may leave by it as one, where the bridge joins any
  // Reserved addresses that are forwarded when they come in here, besides those of the bridge.
  uint16_t group_fwd_mask = 0;
  PortVlans vlans;               // set by vlan_edit.h
  uint16_t cost = 100;           // of a link of unknown speed (net/bridge/br_if.c, port_cost)
  uint16_t priority = 32;        // 0 .. 63
  uint32_t fdb_max_learned = 0;  // 0: no limit
  // Set, shown and saved by guard_settings.h.
  StormControl storm;
  PortSecurity security;

  bool operator==(const PortSettings&) const = default;
};

// How frames are treated by it.
[[nodiscard]] PortForwarding ForwardingOf(PortId id, const PortSettings& settings);

// Sets what `name` says. InvalidArgument: there is no such setting, or the value is no such value.
// FailedPrecondition: bridge(8) has it, but it cannot be switched on here.
[[nodiscard]] absl::Status SetPortSetting(std::string_view name, const nlohmann::json& value,
                                          PortSettings& settings);

// FailedPrecondition: they do not go together.
[[nodiscard]] absl::Status CheckPortSettings(const PortSettings& settings);

// The settings that bridge(8) shows, in its order, with the values it shows for what is not there.
void ShowPortSettings(const PortSettings& settings, nlohmann::ordered_json& link);

// In hexadecimal, as iproute2 has it.
[[nodiscard]] std::string MaskText(uint16_t mask);

// The words behind `link set dev NAME` that make `settings` of the defaults; empty when they are.
[[nodiscard]] std::string PortSettingsAsWords(const PortSettings& settings);

}  // namespace tapswitch
