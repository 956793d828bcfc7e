// Converts durations from and to the form that users write.

#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

// Returns `span` as ParseDuration takes it: `300s`, `0.50s`.
[[nodiscard]] std::string DurationText(Ticks span);

// Parses a number with its unit, `300s`, `2000ms` or `1.5s`, and rounds it to hundredths of a
// second.
[[nodiscard]] absl::StatusOr<Ticks> ParseDuration(std::string_view text);

}  // namespace tapswitch
