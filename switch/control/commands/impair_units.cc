#include "switch/control/commands/impair_units.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

struct ValueUnit {
  std::string_view name;
  uint64_t size;  // in the smallest unit
};

// The first of several names of a size is the one that is written; the largest come first.
constexpr std::array kSpanUnits{
    ValueUnit{"h", 3600 * kNanosecondsPerSecond},
    ValueUnit{"m", 60 * kNanosecondsPerSecond},
    ValueUnit{"s", kNanosecondsPerSecond},
    ValueUnit{"ms", 1'000'000},
    ValueUnit{"us", 1'000},
    ValueUnit{"ns", 1},
};
constexpr std::array kShareUnits{ValueUnit{"%", FrameShare::kWhole / 100}};
constexpr std::array kBitRateUnits{
    ValueUnit{"gbit", 1'000'000'000},
    ValueUnit{"mbit", 1'000'000},
    ValueUnit{"kbit", 1'000},
    ValueUnit{"bit", 1},
};
constexpr std::array kByteSizeUnits{
    ValueUnit{"mb", 1 << 20U}, ValueUnit{"m", 1 << 20U}, ValueUnit{"kb", 1024},
    ValueUnit{"k", 1024},      ValueUnit{"b", 1},
};

// "12.5" and what follows it, as a whole number of the unit's parts.
struct Decimal {
  uint64_t digits = 0;   // without the point
  uint64_t divisor = 1;  // a power of ten
  std::string_view rest;
};

std::optional<Decimal> TakeDecimal(std::string_view text) {
  constexpr uint64_t kMost = 1'000'000'000'000;
  Decimal decimal;
  bool has_point = false;
  size_t count = 0;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !has_point && count > 0) {
      has_point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    if (decimal.digits > kMost || decimal.divisor > kMost) return std::nullopt;
    decimal.digits = decimal.digits * 10 + static_cast<uint64_t>(c - '0');
    if (has_point) decimal.divisor *= 10;
    ++count;
  }
  if (count == 0 || text[at - 1] == '.') return std::nullopt;
  decimal.rest = text.substr(at);
  return decimal;
}

// Nothing unless it is a whole number of the smallest unit, and at most `most`.
std::optional<uint64_t> ParseValue(std::string_view text, std::span<const ValueUnit> units,
                                   uint64_t most) {
  const auto decimal = TakeDecimal(text);
  if (!decimal) return std::nullopt;
  std::string name(decimal->rest);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto unit =
      std::ranges::find_if(units, [&](const ValueUnit& one) { return one.name == name; });
  if (unit == units.end()) return std::nullopt;
  const auto product = static_cast<unsigned __int128>(decimal->digits) * unit->size;
  if (product % decimal->divisor != 0 || product / decimal->divisor > most) return std::nullopt;
  return static_cast<uint64_t>(product / decimal->divisor);
}

std::string ValueText(uint64_t value, uint64_t unit, std::string_view name) {
  std::string text = std::to_string(value / unit);
  uint64_t rest = value % unit;
  if (rest != 0) text += '.';
  while (rest != 0) {
    rest *= 10;
    text += static_cast<char>('0' + rest / unit);
    rest %= unit;
  }
  return text.append(name);
}

// In the largest unit that makes it a whole number.
std::string WholeText(uint64_t value, std::span<const ValueUnit> units) {
  const auto unit =
      std::ranges::find_if(units, [value](const ValueUnit& one) { return value % one.size == 0; });
  return ValueText(value, unit->size, unit->name);
}

absl::Status BadValueText(std::string_view text, std::string_view expected) {
  return absl::InvalidArgumentError(fmt::format("'{:.100}': expected {}", text, expected));
}

}  // namespace

absl::StatusOr<Nanoseconds> ParseTimeSpan(std::string_view text) {
  constexpr Nanoseconds kMost = kNanosecondsPerSecond * 3600 * 24;
  if (const auto value = ParseValue(text, kSpanUnits, kMost)) return *value;
  return BadValueText(text, "a time with a unit, up to a day, such as 20ms, 250us or 1.5s");
}

// A decimal fraction of a minute or an hour has no end, mostly.
std::string TimeSpanText(Nanoseconds span) {
  if (span == 0) return "0s";
  const auto units = std::span(kSpanUnits).subspan(2);
  const auto unit =
      std::ranges::find_if(units, [span](const ValueUnit& one) { return span >= one.size; });
  return ValueText(span, unit->size, unit->name);
}

absl::StatusOr<FrameShare> ParseShare(std::string_view text) {
  if (const auto value = ParseValue(text, kShareUnits, FrameShare::kWhole)) {
    return FrameShare{static_cast<uint32_t>(*value)};
  }
  return BadValueText(text, "a percentage from 0% to 100%, such as 0.1%");
}

std::string ShareText(FrameShare share) {
  return ValueText(share.billionths, kShareUnits.front().size, "%");
}

absl::StatusOr<uint64_t> ParseBitRate(std::string_view text) {
  if (const auto value = ParseValue(text, kBitRateUnits, RateSettings::kMost)) return *value;
  return BadValueText(text, "a rate up to 1000gbit, such as 10mbit or 512kbit");
}

std::string BitRateText(uint64_t bits_per_second) {
  return bits_per_second == 0 ? "0bit" : WholeText(bits_per_second, kBitRateUnits);
}

absl::StatusOr<uint32_t> ParseByteSize(std::string_view text) {
  constexpr uint64_t kMost = uint64_t{1} << 29U;
  if (const auto value = ParseValue(text, kByteSizeUnits, kMost)) {
    return static_cast<uint32_t>(*value);
  }
  return BadValueText(text, "a size with a unit, up to 512mb, such as 64kb or 1500b");
}

std::string ByteSizeText(uint32_t bytes) {
  return bytes == 0 ? "0b" : WholeText(bytes, kByteSizeUnits);
}

}  // namespace tapswitch
