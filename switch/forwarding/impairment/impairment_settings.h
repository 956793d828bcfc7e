// The wanted treatment of a direction of a port whose frames are to be delayed, lost or changed, as
// plain data. The words and their meaning are those of tc-netem(8) where it has the same;
// impairment.h says where they differ.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

// A span of time, or a moment of a clock that never goes back. Pure code is handed it.
using Nanoseconds = uint64_t;

inline constexpr Nanoseconds kNanosecondsPerSecond = 1'000'000'000;
inline constexpr Nanoseconds kNoMoment = UINT64_MAX;  // it never comes

// A share of all frames, in billionths.
struct FrameShare {
  static constexpr uint32_t kWhole = 1'000'000'000;

  uint32_t billionths = 0;

  [[nodiscard]] constexpr bool empty() const { return billionths == 0; }
  bool operator==(const FrameShare&) const = default;
};

// The direction of frames, seen from the switch.
enum class PortDirection : uint8_t {
  kIngress,  // from the station
  kEgress,   // towards the station
};
inline constexpr size_t kPortDirectionCount = 2;

enum class DelayDistribution : uint8_t { kUniform, kNormal, kPareto };

struct DelaySettings {
  Nanoseconds delay = 0;
  Nanoseconds jitter = 0;  // uniform: the most that a delay differs; else the standard deviation
  DelayDistribution distribution = DelayDistribution::kUniform;

  bool operator==(const DelaySettings&) const = default;
};

struct LossSettings {
  FrameShare random;
  FrameShare correlation;  // of frames that have the fate of the one before
  // Bursts in which every frame is lost: one begins, and ends, before this share of frames.
  FrameShare burst_begins;
  FrameShare burst_ends;

  [[nodiscard]] bool has_bursts() const { return !burst_begins.empty(); }
  bool operator==(const LossSettings&) const = default;
};

struct RateSettings {
  static constexpr uint64_t kMost = 1'000'000'000'000;

  uint64_t bits_per_second = 0;  // 0: there is no limit; at most kMost
  uint32_t burst = 0;            // bytes that may leave at once after silence; below 2^30

  bool operator==(const RateSettings&) const = default;
};

// How frames fare.
struct ImpairmentSettings {
  DelaySettings delay;
  LossSettings loss;
  FrameShare duplicate;
  FrameShare reorder;  // frames that are not delayed, and so overtake others
  FrameShare corrupt;  // one bit of them is flipped
  RateSettings rate;

  bool operator==(const ImpairmentSettings&) const = default;
};

// Frames to which others do not apply pass as if nothing were impaired.
struct ImpairmentMatch {
  VlanId vlan = kNoVlan;  // kNoVlan: any
  MacAddress mac{};       // source or destination; zero: any

  [[nodiscard]] bool matches_all() const { return vlan == kNoVlan && mac.is_zero(); }
  bool operator==(const ImpairmentMatch&) const = default;
};

// The settings that a step of a schedule replaces, as bits.
enum class ImpairmentPart : uint8_t {
  kDelay = 1U << 0U,
  kLoss = 1U << 1U,
  kDuplicate = 1U << 2U,
  kReorder = 1U << 3U,
  kCorrupt = 1U << 4U,
  kRate = 1U << 5U,
};

[[nodiscard]] constexpr uint8_t PartBit(ImpairmentPart part) { return static_cast<uint8_t>(part); }

// For some time the parts that are named are others.
struct ImpairmentStep {
  Nanoseconds at = 0;    // since the schedule began
  Nanoseconds span = 0;  // 0: for ever
  uint8_t parts = 0;     // of ImpairmentPart
  ImpairmentSettings settings;

  [[nodiscard]] constexpr bool has(ImpairmentPart part) const {
    return (parts & PartBit(part)) != 0;
  }
  bool operator==(const ImpairmentStep&) const = default;
};

// The wanted impairment of one direction of a port.
struct ImpairmentPlan {
  static constexpr uint32_t kMostHeld = 200'000;
  static constexpr size_t kMostSteps = 64;

  bool is_set = false;  // settings were given; the schedule may be there without
  ImpairmentSettings settings;
  ImpairmentMatch match;
  uint32_t limit = 0;      // frames that may be held; 0: as HeldLimit says
  bool keeps_gso = false;  // GSO frames share one fate; else they are cut into segments first
  uint32_t seed = 0;
  std::vector<ImpairmentStep> schedule;  // a later step takes precedence

  [[nodiscard]] bool is_on() const { return is_set || !schedule.empty(); }
  bool operator==(const ImpairmentPlan&) const = default;
};

// Returns how many frames may be held: of a link that only delays, those of 500,000 frames a second
// for 20 ms; of a limited rate, the 1,000 that tc-netem(8) holds, and those on their way meanwhile.
[[nodiscard]] uint32_t HeldLimit(const ImpairmentPlan& plan);

// Returns the settings as they are so long after the schedule began.
[[nodiscard]] ImpairmentSettings SettingsAt(const ImpairmentPlan& plan, Nanoseconds since);

// Returns when they change next, in time since the schedule began; kNoMoment: never.
[[nodiscard]] Nanoseconds NextChange(const ImpairmentPlan& plan, Nanoseconds since);

}  // namespace tapswitch
