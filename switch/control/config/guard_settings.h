// Converts the settings of a port's guards from and to text: the words of `storm set`, `security
// set` and `security allow`, and what is shown and saved.

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

// Parses "1000pps", "1.5kpps", "10Mbit" or "off". Units are those of tc(8), where kbit is a
// thousand bits, in any case.
[[nodiscard]] absl::StatusOr<StormControl::Rate> ParseRate(std::string_view text);
[[nodiscard]] std::string RateText(const StormControl::Rate& rate);

// Parses an allowed station, "MAC[,IP]...".
[[nodiscard]] absl::StatusOr<AllowedStation> ParseAllowedStation(std::string_view text);
[[nodiscard]] std::string AllowedStationText(const AllowedStation& station);

// Return the list with a station added, which replaces one with its address, or with a station
// removed. The result is null if the list becomes empty. ResourceExhausted if the list is full;
// NotFound if the station is not in it.
using AllowListPointer = std::shared_ptr<const AllowList>;
[[nodiscard]] absl::StatusOr<AllowListPointer> WithStation(const AllowListPointer& list,
                                                           const AllowedStation& station);
[[nodiscard]] absl::StatusOr<AllowListPointer> WithoutStation(const AllowListPointer& list,
                                                              MacAddress address);

// Set the setting `name`. InvalidArgument if there is no such setting, or if it cannot have the
// value.
[[nodiscard]] absl::Status SetStormSetting(std::string_view name, const nlohmann::json& value,
                                           StormControl& storm);
[[nodiscard]] absl::Status SetSecuritySetting(std::string_view name, const nlohmann::json& value,
                                              PortSettings& settings);

// Show all settings by their names, in numbers: rates in frames or bits a second (NAME_unit says
// which), times in seconds. What is off is null.
void ShowStormSettings(const StormControl& storm, nlohmann::ordered_json& shown);
void ShowSecuritySettings(const PortSettings& settings, nlohmann::ordered_json& shown);

// Return the words behind `storm set dev NAME` and `security set dev NAME` that turn `from` into
// these settings; empty if they are equal. Settings of link.set are not among them.
[[nodiscard]] std::string StormSettingsAsWords(const StormControl& storm,
                                               const StormControl& from = {});
[[nodiscard]] std::string SecuritySettingsAsWords(const PortSettings& settings,
                                                  const PortSettings& from = {});

}  // namespace tapswitch
