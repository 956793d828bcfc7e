// Which stations move to and fro: what is known of the last moves of a bounded number of them.
//
// Records are found by a salted hash, four to a place; where a fifth is needed, the one that was
// used least recently is given up, one of a station that is held only if all are. So who makes up
// moves of many addresses can at worst have a hold forgotten early. No allocation after
// construction.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "switch/forwarding/guards/guard_memory.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

class MoveWatch {
 public:
  static constexpr size_t kStations = 1024;
  // A station that has not moved for so long, or for the time that moves are counted in if that is
  // longer, has stopped: when it begins again, that is news.
  static constexpr Ticks kCalm{1000};

  explicit MoveWatch(uint64_t salt);

  enum class Verdict : uint8_t { kMoved, kBeginsToFlap, kFlaps };

  // Notes a move; the station flaps when it is the `max`th within `within`. Counting then begins
  // anew.
  Verdict Note(VlanId vlan, MacAddress address, uint32_t max, Ticks within, Tick now);

  // The next flapping is news again.
  void Forget(VlanId vlan, MacAddress address);

  // Notes that the station is held; nothing for ever.
  void Hold(VlanId vlan, MacAddress address, std::optional<Tick> until, Tick now);

  // Calls visit(const MoveMemory&) for each station that is known, and goes on with one.
  template <typename Visit>
  void VisitAll(Visit&& visit) const {
    for (const Place& place : places_) {
      for (const Record& record : place) {
        if (record.key != 0) visit(MemoryOf(record));
      }
    }
  }
  void Restore(const MoveMemory& memory);

  // False also when it is not known any more.
  [[nodiscard]] bool IsHeld(VlanId vlan, MacAddress address, Tick now) const;

 private:
  static constexpr size_t kWays = 4;
  static constexpr uint64_t kForever = ~uint64_t{0};

  struct Record {
    uint64_t key = 0;    // 0: free
    uint64_t first = 0;  // move that is counted
    uint64_t last = 0;   // use
    uint64_t told_until = 0;
    uint64_t held_until = 0;
    uint32_t moves = 0;
  };
  using Place = std::array<Record, kWays>;

  static uint64_t KeyOf(VlanId vlan, MacAddress address);
  static MoveMemory MemoryOf(const Record& record);
  [[nodiscard]] size_t PlaceOf(uint64_t key) const;
  [[nodiscard]] const Record* Find(uint64_t key) const;
  Record& Take(uint64_t key, Tick now);

  uint64_t salt_;
  std::vector<Place> places_;
};

}  // namespace tapswitch
