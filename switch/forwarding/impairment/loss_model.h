// Which frames are lost.
//
// A correlation of C gives that share of frames the fate of the frame before. So the share of lost
// frames stays what was asked for, whatever the correlation; the averaging of tc-netem(8) changes
// it. Bursts are those of Gilbert and Elliott: the link is good or bad, and all frames of a bad one
// are lost. With P and R the shares of frames before which a burst begins and ends, P / (P + R) of
// all frames are in bursts, which are 1 / R frames long on average.

#pragma once

#include "switch/forwarding/impairment/random_stream.h"

namespace tapswitch {

class LossModel {
 public:
  explicit LossModel(uint64_t seed) : chance_(seed, 1), bursts_(seed, 2) {}

  // Whether the next frame is lost.
  [[nodiscard]] bool IsNextLost(const LossSettings& settings) {
    const bool is_in_burst = IsNextInBurst(settings);
    return IsNextLostByChance(settings) || is_in_burst;
  }

 private:
  bool IsNextLostByChance(const LossSettings& settings) {
    if (settings.random.empty()) return false;
    const bool is_same = !settings.correlation.empty() && chance_.Chance(settings.correlation);
    if (!is_same) was_lost_ = chance_.Chance(settings.random);
    return was_lost_;
  }

  bool IsNextInBurst(const LossSettings& settings) {
    if (!settings.has_bursts()) return false;
    const FrameShare& change = is_bad_ ? settings.burst_ends : settings.burst_begins;
    if (bursts_.Chance(change)) is_bad_ = !is_bad_;
    return is_bad_;
  }

  RandomStream chance_;
  RandomStream bursts_;
  bool was_lost_ = false;
  bool is_bad_ = false;
};

}  // namespace tapswitch
