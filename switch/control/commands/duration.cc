#include "switch/control/commands/duration.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace tapswitch {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::string DurationText(Ticks span) {
  const uint64_t rest = span.centiseconds % 100;
  const std::string seconds = absl::StrCat(span.centiseconds / 100);
  return rest == 0 ? absl::StrCat(seconds, "s")
                   : absl::StrCat(seconds, rest < 10 ? ".0" : ".", rest, "s");
}

absl::StatusOr<Ticks> ParseDuration(std::string_view text) {
  constexpr double kLongest = 1e7;  // seconds; four months
  const auto bad = [&] {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", View(text), "' is not a duration: give a number and a unit, such as 300s or 1500ms"));
  };
  const bool is_milliseconds = text.ends_with("ms");
  if (!text.ends_with('s')) return bad();
  const auto number = text.substr(0, text.size() - (is_milliseconds ? 2 : 1));
  // SimpleAtod takes "inf", "nan" and signs, which are no durations.
  if (number.find_first_not_of("0123456789.") != std::string_view::npos) return bad();
  double value = 0;
  if (!absl::SimpleAtod(View(number), &value)) return bad();
  const double seconds = is_milliseconds ? value / 1000 : value;
  if (seconds > kLongest) return bad();
  return Ticks{static_cast<uint64_t>(seconds * 100 + 0.5)};
}

}  // namespace tapswitch
