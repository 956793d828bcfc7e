// Converts the wanted impairment of a direction of a port from and to the words of `impair set` and
// `impair schedule`, and to what is shown.

#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/forwarding/impairment/impairment_settings.h"

namespace tapswitch {

// Sets the setting `name`. InvalidArgument if there is no such setting, or if it cannot have the
// value.
[[nodiscard]] absl::Status SetImpairmentWord(std::string_view name, const nlohmann::json& value,
                                             ImpairmentPlan& plan);

// Parses the steps of a schedule: "10s loss 5% for 2s at 20s delay 5ms for 1s", without the first
// `at`.
[[nodiscard]] absl::StatusOr<std::vector<ImpairmentStep>> ParseSchedule(std::string_view text);

// InvalidArgument if settings contradict each other, with the cure.
[[nodiscard]] absl::Status CheckImpairment(const ImpairmentPlan& plan);

// Returns the seed of a direction for which none was given: the same in every run.
[[nodiscard]] uint32_t DefaultSeed(std::string_view port, PortDirection direction);

[[nodiscard]] std::string_view NameOf(DelayDistribution distribution);
[[nodiscard]] std::string_view NameOf(PortDirection direction);
[[nodiscard]] std::optional<PortDirection> ParsePortDirection(std::string_view name);

// Returns the words behind `impair set dev NAME DIRECTION`, each with a space in front.
[[nodiscard]] std::string ImpairmentAsWords(const ImpairmentPlan& plan);
// Returns the words behind `impair schedule dev NAME DIRECTION`, likewise.
[[nodiscard]] std::string ScheduleAsWords(const ImpairmentPlan& plan);
// Returns the words of what is impaired, without limit, seed and match.
[[nodiscard]] std::string SettingsAsWords(const ImpairmentSettings& settings);

// Shows all settings in base units: times in seconds, shares from 0 to 1, rates in bits a second,
// sizes in bytes. What is off is 0 or missing.
void ShowImpairment(const ImpairmentPlan& plan, nlohmann::ordered_json& shown);

// Appends the commands that turn the impairments `from` of a port into `to`.
using PortImpairmentPlans = std::array<ImpairmentPlan, kPortDirectionCount>;
void SaveImpairments(const std::string& name, const PortImpairmentPlans& from,
                     const PortImpairmentPlans& to, std::vector<std::string>& lines);

}  // namespace tapswitch
