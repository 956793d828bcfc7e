// The settings of a port, by bridge(8)'s names. One table serves the functions that set, show and
// save them.

#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "switch/control/config/guest_place.h"
#include "switch/control/config/port_profile.h"
#include "switch/forwarding/impairment/impairment_settings.h"
#include "switch/forwarding/view/forwarding_view.h"

namespace tapswitch {

// The defaults are those of the Linux bridge.
struct PortSettings {
  PortState state = PortState::kForwarding;
  bool learning = true;
  bool flood = true;
  bool mcast_flood = true;
  bool bcast_flood = true;
  bool hairpin = false;
  bool isolated = false;
  bool is_tunnel = false;  // the port of a VNI: set by evpn_methods.cc, and by nobody else
  bool locked = false;
  bool mab = false;
  bool neigh_suppress = false;
  bool loop_detection = true;     // takes part in the bridge's loop detection
  bool gro = true;                // frames of a flow may leave joined, if the bridge joins frames
  bool kernel_forwarding = true;  // the kernel may carry known conversations from and to it
  // Reserved addresses to which frames from this port are forwarded, besides those of the bridge.
  uint16_t group_fwd_mask = 0;
  PortVlans vlans;               // set by vlan_edit.h
  SpanningTreePort tree;         // its recovery is that of `security`
  uint32_t fdb_max_learned = 0;  // 0: no limit
  bool fastleave = false;
  bool mcast_to_unicast = false;
  uint16_t mcast_router = 1;      // 0 .. 3
  uint32_t mcast_max_groups = 0;  // 0: no limit
  // Set, shown and saved by guard_settings.h.
  StormControl storm;
  PortSecurity security;
  // By PortDirection. Set, shown and saved by impairment_words.h.
  std::array<ImpairmentPlan, kPortDirectionCount> impairments{};
  // The name that people have for the port. Set by port_words.h.
  std::string description{};
  bool carrier = true;                       // what the other end of the link sees
  std::optional<GuestPlace> guest{};         // who is told of that, in place of the link itself
  PortProfile profile = PortProfile::kNone;  // the last that was named

  bool operator==(const PortSettings&) const = default;
};

// Returns how the core treats frames of the port.
[[nodiscard]] PortForwarding ForwardingOf(PortId id, const PortSettings& settings);

// Sets the setting `name`; "profile" sets all of the profile's. InvalidArgument if there is no such
// setting, or if it cannot have the value. FailedPrecondition if bridge(8) has it, but it cannot be
// switched on here.
[[nodiscard]] absl::Status SetPortSetting(std::string_view name, const nlohmann::json& value,
                                          PortSettings& settings);

// SetPortSetting of all but "profile", which it does not know.
[[nodiscard]] absl::Status SetOneSetting(std::string_view name, const nlohmann::json& value,
                                         PortSettings& settings);

// Returns whether SetPortSetting knows `name`.
[[nodiscard]] bool IsPortSetting(std::string_view name);

// Returns FailedPrecondition if settings contradict each other.
[[nodiscard]] absl::Status CheckPortSettings(const PortSettings& settings);

// Shows the settings that bridge(8) shows, in its order. Settings that do not exist here have the
// values that it shows for unset ones.
void ShowPortSettings(const PortSettings& settings, nlohmann::ordered_json& link);

// Returns the number in hexadecimal, as iproute2 prints it.
[[nodiscard]] std::string MaskText(uint16_t mask);

// Returns the words behind `link set dev NAME` that turn `from` into `settings`; empty if they are
// equal. A profile is among them, so that what it sets elsewhere is to be compared with
// WithProfileOf.
[[nodiscard]] std::string PortSettingsAsWords(const PortSettings& settings,
                                              const PortSettings& from = {});

}  // namespace tapswitch
