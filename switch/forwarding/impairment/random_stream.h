// Numbers that look random and are the same in every run (SplitMix64, by Steele, Lea and Flood:
// "Fast splittable pseudorandom number generators", 2014).

#pragma once

#include <cstdint>

#include "switch/forwarding/impairment/impairment_settings.h"

namespace tapswitch {

class RandomStream {
 public:
  // Streams of one seed and different numbers have nothing to do with each other.
  constexpr RandomStream(uint64_t seed, uint64_t number)
      : state_(Mixed((Mixed(seed + kStep) ^ (number * 0xD1B54A32D192ED03U)) + kStep)) {}

  constexpr uint64_t Next() {
    state_ += kStep;
    return Mixed(state_);
  }

  // A number from 0 to bound - 1.
  constexpr uint64_t Below(uint32_t bound) { return ((Next() >> 32U) * bound) >> 32U; }

  // True for that share of calls.
  constexpr bool Chance(FrameShare share) { return Below(FrameShare::kWhole) < share.billionths; }

  // A number between 0 and 1, neither of them included.
  constexpr double Unit() {
    constexpr double kApart = 1.0 / static_cast<double>(uint64_t{1} << 52U);
    return (static_cast<double>(Next() >> 12U) + 0.5) * kApart;
  }

 private:
  static constexpr uint64_t kStep = 0x9E3779B97F4A7C15U;

  static constexpr uint64_t Mixed(uint64_t bits) {
    bits = (bits ^ (bits >> 30U)) * 0xBF58476D1CE4E5B9U;
    bits = (bits ^ (bits >> 27U)) * 0x94D049BB133111EBU;
    return bits ^ (bits >> 31U);
  }

  uint64_t state_;
};

}  // namespace tapswitch
