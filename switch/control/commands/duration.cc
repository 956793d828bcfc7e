#include "switch/control/commands/duration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace tapswitch {
namespace {

constexpr size_t kMostShown = 100;  // of a text that is no duration

struct Unit {
  std::string_view name;
  double seconds;
};

constexpr std::array kUnits{Unit{"ms", 0.001}, Unit{"s", 1},     Unit{"m", 60},
                            Unit{"min", 60},   Unit{"h", 3'600}, Unit{"d", 86'400}};

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
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto unit = absl::AsciiStrToLower(View(text.substr(digits)));
  const auto* const found = std::find_if(kUnits.begin(), kUnits.end(),
                                         [&](const Unit& one) { return View(one.name) == unit; });
  double value = 0;
  const bool is_number = absl::SimpleAtod(View(text.substr(0, digits)), &value);
  if (!is_number || found == kUnits.end() || value * found->seconds > kLongest) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", View(text.substr(0, kMostShown)),
                     "': expected a number and a unit, such as 300s, 1500ms, 5m, 1h or 2d"));
  }
  return Ticks{static_cast<uint64_t>(std::llround(value * found->seconds * 100))};
}

}  // namespace tapswitch
