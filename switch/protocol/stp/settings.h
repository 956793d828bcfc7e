// The settings of a bridge in the spanning tree (IEEE 802.1D-2004, 17.13, 17.14).

#pragma once

#include <cstdint>
#include <string_view>

#include "switch/forwarding/ids.h"
#include "switch/protocol/stp/priority_vector.h"

namespace tapswitch {

struct SpanningTreeSettings {
  enum class Mode : uint8_t { kRstp, kStp };  // forceVersion 2 and 0

  bool is_on = false;
  Mode mode = Mode::kRstp;
  uint16_t priority = 0x8000;
  Ticks hello_time{200};       // 1 to 10 s
  Ticks max_age{2000};         // 6 to 40 s
  Ticks forward_delay{1500};   // 4 to 30 s
  uint16_t tx_hold_count = 6;  // 1 to 10

  // 17.14: whether the times fit each other.
  [[nodiscard]] bool has_consistent_times() const {
    constexpr uint64_t kOne = 100;
    return 2 * (forward_delay.centiseconds - kOne) >= max_age.centiseconds &&
           max_age.centiseconds >= 2 * (hello_time.centiseconds + kOne);
  }
  bool operator==(const SpanningTreeSettings&) const = default;
};

// Returns the mode as users say it.
[[nodiscard]] constexpr std::string_view NameOf(SpanningTreeSettings::Mode mode) {
  return mode == SpanningTreeSettings::Mode::kRstp ? "rstp" : "stp";
}

namespace stp {

// Table 17-3, for a link of 1 Gbit/s, and for one whose speed is not known, such as that of a TAP.
inline constexpr uint32_t kDefaultPathCost = 20000;
inline constexpr uint32_t kMostPathCost = 200'000'000;

// Table 17-3. `speed` is in Mbit/s, or 0: not known.
[[nodiscard]] constexpr uint32_t PathCostOf(uint32_t speed) {
  constexpr uint32_t kCostOfOneMbit = 20'000'000;
  if (speed == 0) return kDefaultPathCost;
  return speed >= kCostOfOneMbit ? 1 : kCostOfOneMbit / speed;
}

inline constexpr Ticks kSecond{100};
inline constexpr Ticks kMigrateTime{300};  // table 17-1

// The time after which a message has been heard, or is lost.
inline constexpr Ticks kInFlight{3};

[[nodiscard]] inline Times TimesOf(const SpanningTreeSettings& settings) {
  return {.message_age = 0,
          .max_age = WireTimeOf(settings.max_age),
          .forward_delay = WireTimeOf(settings.forward_delay),
          .hello_time = WireTimeOf(settings.hello_time)};
}

}  // namespace stp
}  // namespace tapswitch
