// The settings of multicast snooping, by the names of ip-link(8) and bridge(8). One table serves
// the functions that set, show and save them.

#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/protocol/multicast/multicast_settings.h"

namespace tapswitch {

// The names of the settings of the bridge, and those of one VLAN.
[[nodiscard]] std::span<const std::string_view> MulticastNames();
[[nodiscard]] std::span<const std::string_view> VlanMulticastNames();

// Set the setting `name`, which is one of these. InvalidArgument if it cannot have the value.
[[nodiscard]] absl::Status SetMulticast(std::string_view name, const nlohmann::json& value,
                                        MulticastSettings& settings);
[[nodiscard]] absl::Status SetVlanMulticast(std::string_view name, const nlohmann::json& value,
                                            VlanMulticast& settings);

// Returns FailedPrecondition if settings contradict each other.
[[nodiscard]] absl::Status CheckMulticast(const MulticastSettings& settings, bool vlan_filtering);

// Show all settings, with durations in hundredths of a second, as iproute2 does.
void ShowMulticast(const MulticastSettings& settings, nlohmann::ordered_json& bridge);
void ShowVlanMulticast(const VlanMulticast& settings, nlohmann::ordered_json& vlan);

// Return the words behind `bridge set` and `vlan global set` that turn `from` into `settings`;
// empty if they are equal.
[[nodiscard]] std::string MulticastAsWords(const MulticastSettings& settings,
                                           const MulticastSettings& from = {});
[[nodiscard]] std::string VlanMulticastAsWords(const VlanMulticast& settings,
                                               const VlanMulticast& from = {});

}  // namespace tapswitch
