// Counts how often frames of a conversation were seen lately, so that only those which go on are
// handed to the kernel: a scan of addresses never gets two frames through. Of fixed size; what
// meets in one place displaces each other.
//
// A conversation whose small frames leave joined, as parts of larger ones, stays in the switch: a
// receiver takes more of them than of those that the kernel would carry one by one. It stays for as
// long as that pays. One that stays is judged by many frames: a few in a row that are not joined
// only tell that the sender had to wait.

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
  static constexpr uint32_t kEnoughToEnd = 256;  // of one that is kept

  FlowSightings() : places_(kPlaces) {}

  // `is_joined`: the frame is small, and has left joined. True for each kEnough'th frame of a
  // conversation within a second, of which `hash` is a hash, unless it is kept from then on.
  bool Note(size_t hash, bool is_joined, Tick now) {
    Place& place = places_[hash % kPlaces];
    if (place.hash == hash && place.since > now) return false;  // held off
    if (place.hash != hash || place.since + kWithin <= now) {
      const bool is_kept = place.hash == hash && place.is_kept && place.pays();
      place = {.hash = hash, .since = now, .is_kept = is_kept};
    }
    if (is_joined) ++place.joined;
    if (++place.frames < (place.is_kept ? kEnoughToEnd : kEnough)) return false;
    place.is_kept = place.pays();
    place.frames = 0;
    place.joined = 0;
    return !place.is_kept;
  }

  // Whether it is kept, for its small frames leave joined.
  [[nodiscard]] bool is_kept(size_t hash) const {
    const Place& place = places_[hash % kPlaces];
    return place.hash == hash && place.is_kept;
  }

  // Has a conversation not reported before `until`.
  void HoldOff(size_t hash, Tick until) {
    places_[hash % kPlaces] = {.hash = hash, .since = until};
  }

 private:
  static constexpr size_t kPlaces = 4096;
  static constexpr Ticks kWithin{100};

  struct Place {
    size_t hash = 0;
    Tick since;
    uint32_t frames = 0;
    uint32_t joined = 0;
    bool is_kept = false;

    [[nodiscard]] bool pays() const { return joined * 4 >= frames; }
  };

  std::vector<Place> places_;
};

}  // namespace tapswitch
