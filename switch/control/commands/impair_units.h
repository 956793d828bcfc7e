// Values of `tapctl impair` as texts, with units, and back. What one function writes, the other
// reads without loss.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "switch/forwarding/impairment/impairment_settings.h"

namespace tapswitch {

// Times are as `20ms`, `1.5s` or `250us` (also ns, m, h), and need a unit.
[[nodiscard]] absl::StatusOr<Nanoseconds> ParseTimeSpan(std::string_view text);
[[nodiscard]] std::string TimeSpanText(Nanoseconds span);

// Shares are as `0.1%`, from 0% to 100%.
[[nodiscard]] absl::StatusOr<FrameShare> ParseShare(std::string_view text);
[[nodiscard]] std::string ShareText(FrameShare share);

// Rates are as `10mbit` (also bit, kbit, gbit), in bits a second.
[[nodiscard]] absl::StatusOr<uint64_t> ParseBitRate(std::string_view text);
[[nodiscard]] std::string BitRateText(uint64_t bits_per_second);

// Sizes are as `64kb` or `1500b`, where, as in tc(8), kb is 1024 bytes (also mb).
[[nodiscard]] absl::StatusOr<uint32_t> ParseByteSize(std::string_view text);
[[nodiscard]] std::string ByteSizeText(uint32_t bytes);

}  // namespace tapswitch
