// Converts durations from and to the form that users write.

#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

// Returns a span in seconds, as JSON shows it, and the span up to `then`; 0 when that is past.
[[nodiscard]] inline double Seconds(Ticks span) {
  return static_cast<double>(span.centiseconds) / 100;
}
[[nodiscard]] inline double SecondsUntil(Tick then, Tick now) {
  return then <= now ? 0 : Seconds({then.centiseconds - now.centiseconds});
}

// Returns `span` as ParseDuration takes it: `300s`, `0.50s`.
[[nodiscard]] std::string DurationText(Ticks span);

// Parses a number with its unit, in any case: `500ms`, `1.5s`, `5m` or `5min`, `1h`, `2d`. Rounds
// it to hundredths of a second.
[[nodiscard]] absl::StatusOr<Ticks> ParseDuration(std::string_view text);

}  // namespace tapswitch
