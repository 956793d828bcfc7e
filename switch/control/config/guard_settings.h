// The settings of a port's guards, as texts and back: what `storm set`, `security set` and `security
// allow` take, and what is shown and saved.

#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/control/config/port_settings.h"
#include "switch/forwarding/guards/guard_settings.h"

namespace tapswitch {

// "1000pps", "10mbit" or "off". Units as in tc(8), where kbit is a thousand bits.
[[nodiscard]] absl::StatusOr<StormControl::Rate> ParseRate(std::string_view text);
[[nodiscard]] std::string RateText(const StormControl::Rate& rate);

// "MAC[,IP]...": an allowed station.
[[nodiscard]] absl::StatusOr<AllowedStation> ParseAllowedStation(std::string_view text);
[[nodiscard]] std::string AllowedStationText(const AllowedStation& station);

// The list with a station more, in place of one with its address; or without one, null when it was
// the last. ResourceExhausted: the list is full; NotFound: it is not there.
using AllowListPointer = std::shared_ptr<const AllowList>;
[[nodiscard]] absl::StatusOr<AllowListPointer> WithStation(const AllowListPointer& list,
                                                           const AllowedStation& station);
[[nodiscard]] absl::StatusOr<AllowListPointer> WithoutStation(const AllowListPointer& list,
                                                              MacAddress address);

// Set what `name` says. InvalidArgument: there is no such setting, or the value is no such value.
[[nodiscard]] absl::Status SetStormSetting(std::string_view name, const nlohmann::json& value,
                                           StormControl& storm);
[[nodiscard]] absl::Status SetSecuritySetting(std::string_view name, const nlohmann::json& value,
                                              PortSettings& settings);

// All settings, with the names and values that set them.
void ShowStormSettings(const StormControl& storm, nlohmann::ordered_json& shown);
void ShowSecuritySettings(const PortSettings& settings, nlohmann::ordered_json& shown);

// The words behind `storm set dev NAME` and `security set dev NAME` that make them of the defaults;
// empty when they are. What link.set says too is not among them.
[[nodiscard]] std::string StormSettingsAsWords(const StormControl& storm);
[[nodiscard]] std::string SecuritySettingsAsWords(const PortSettings& settings);

}  // namespace tapswitch
