// The fate of the frames of one direction of a port: a pure state machine.
//
// A frame may be lost, be doubled, be changed, and be released later. The fates depend on the seed
// and on the frames before, in order, and on nothing else; only rate, limit and schedule look at
// the time. Each kind of fate draws from a stream of its own, so that a setting which is added
// changes nothing of the others.
//
// A frame first waits for the link (rate), then is on its way (delay). So a delay does not lower
// the rate. Frames that are reordered wait for the link only.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "switch/forwarding/impairment/impairment_settings.h"
#include "switch/forwarding/impairment/loss_model.h"
#include "switch/forwarding/impairment/random_stream.h"
#include "switch/forwarding/impairment/rate_pacer.h"

namespace tapswitch {

enum class FrameDeath : uint8_t {
  kLost,
  kOverLimit,  // there are as many frames under way as may be
};

struct FrameFate {
  std::optional<FrameDeath> death;
  // The rest is about a frame that lives.
  Nanoseconds release = 0;          // not before the frame came
  bool overtakes = false;           // it is reordered
  std::optional<uint64_t> corrupt;  // a number that chooses the bit to flip
};

class Impairment {
 public:
  // The schedule begins at `now`.
  Impairment(const ImpairmentPlan& plan, Nanoseconds now);

  // Whether the next frame comes twice. Each copy is then admitted.
  [[nodiscard]] bool IsNextDoubled(Nanoseconds now);

  // Decides on a frame of `size` bytes, or a copy, that comes now. `has_room`: one more may be
  // held.
  [[nodiscard]] FrameFate Admit(size_t size, bool has_room, Nanoseconds now);

  // The settings at the time of the last call.
  [[nodiscard]] const ImpairmentSettings& settings() const { return settings_; }
  [[nodiscard]] Nanoseconds began() const { return began_; }

 private:
  void FollowSchedule(Nanoseconds now);

  ImpairmentPlan plan_;
  Nanoseconds began_;
  Nanoseconds changes_at_;
  ImpairmentSettings settings_;
  LossModel loss_;
  RandomStream doubling_;
  RandomStream reordering_;
  RandomStream corruption_;
  RandomStream delays_;
  RatePacer pacer_;
};

}  // namespace tapswitch
