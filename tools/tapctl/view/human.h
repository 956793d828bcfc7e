// Numbers and spans for people, who read tables; scripts read JSON.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "spdlog/fmt/fmt.h"
#include "tools/tapctl/render/render.h"

namespace tapswitch {

// In at most six columns: 999, 12.3k, 4.56M. Units are powers of a thousand.
inline std::string HumanNumber(double value) {
  constexpr std::array<char, 5> kUnits{'\0', 'k', 'M', 'G', 'T'};
  size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  if (unit == 0) return fmt::format("{:.0f}", value);
  return fmt::format("{:.{}f}{}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, kUnits[unit]);
}

// The count, with a unit if the options want one.
inline std::string CountText(uint64_t count, const OutputOptions& options) {
  return options.human ? HumanNumber(static_cast<double>(count)) : std::to_string(count);
}

// The two largest units: 5s, 3m 20s, 2h 14m, 9d 3h.
inline std::string HumanSpan(uint64_t seconds) {
  constexpr uint64_t kMinute = 60;
  constexpr uint64_t kHour = 60 * kMinute;
  constexpr uint64_t kDay = 24 * kHour;
  if (seconds < kMinute) return fmt::format("{}s", seconds);
  if (seconds < kHour) return fmt::format("{}m {}s", seconds / kMinute, seconds % kMinute);
  if (seconds < kDay) return fmt::format("{}h {}m", seconds / kHour, seconds % kHour / kMinute);
  return fmt::format("{}d {}h", seconds / kDay, seconds % kDay / kHour);
}

}  // namespace tapswitch
