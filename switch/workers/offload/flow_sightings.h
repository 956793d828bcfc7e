// Counts how often frames of a conversation were seen lately, so that only those which go on are
// handed to the kernel: a scan of addresses never gets two frames through. Of fixed size; what
// meets in one place displaces each other.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "switch/forwarding/ids.h"

namespace tapswitch {

class FlowSightings {
 public:
  // Frames within a second.
  static constexpr uint32_t kEnough = 8;

  FlowSightings() : places_(kPlaces) {}

  // True for each kEnough'th frame of a conversation within a second, of which `hash` is a hash.
  bool Note(size_t hash, Tick now) {
    Place& place = places_[hash % kPlaces];
    if (place.hash == hash && place.since > now) return false;  // held off
    if (place.hash != hash || place.since + kWithin <= now) {
      place = {.hash = hash, .since = now, .frames = 0};
    }
    if (++place.frames < kEnough) return false;
    place.frames = 0;
    return true;
  }

  // Has a conversation not reported before `until`.
  void HoldOff(size_t hash, Tick until) {
    places_[hash % kPlaces] = {.hash = hash, .since = until, .frames = 0};
  }

 private:
  static constexpr size_t kPlaces = 4096;
  static constexpr Ticks kWithin{100};

  struct Place {
    size_t hash = 0;
    Tick since;
    uint32_t frames = 0;
  };

  std::vector<Place> places_;
};

}  // namespace tapswitch
