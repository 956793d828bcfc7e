#include "switch/forwarding/guards/move_watch.h"

#include <algorithm>
#include <tuple>

namespace tapswitch {

MoveWatch::MoveWatch(uint64_t salt) : salt_(salt), places_(kStations / kWays) {}

MoveWatch::Verdict MoveWatch::Note(VlanId vlan, MacAddress address, uint32_t max, Ticks within,
                                   Tick now) {
  Record& record = Take(KeyOf(vlan, address), now);
  if (record.moves == 0 || now.centiseconds - record.first >= within.centiseconds) {
    record.first = now.centiseconds;
    record.moves = 0;
  }
  const bool was_told = now.centiseconds < record.told_until;
  const uint64_t calm = std::max(within, kCalm).centiseconds;
  if (was_told) record.told_until = now.centiseconds + calm;
  if (++record.moves < max) return Verdict::kMoved;
  record.moves = 0;
  record.told_until = now.centiseconds + calm;
  return was_told ? Verdict::kFlaps : Verdict::kBeginsToFlap;
}

void MoveWatch::Forget(VlanId vlan, MacAddress address) {
  const uint64_t key = KeyOf(vlan, address);
  for (Record& record : places_[PlaceOf(key)]) {
    if (record.key == key) record = {};
  }
}

void MoveWatch::Hold(VlanId vlan, MacAddress address, std::optional<Tick> until, Tick now) {
  Take(KeyOf(vlan, address), now).held_until = until ? until->centiseconds : kForever;
}

bool MoveWatch::IsHeld(VlanId vlan, MacAddress address, Tick now) const {
  const Record* const record = Find(KeyOf(vlan, address));
  return record != nullptr && now.centiseconds < record->held_until;
}

MoveMemory MoveWatch::MemoryOf(const Record& record) {
  constexpr uint64_t kVlanBits = 0xFFF;
  return {.vlan = VlanId{static_cast<uint16_t>((record.key >> 48U) & kVlanBits)},
          .address = MacAddress::FromNumber(record.key),
          .first = record.first,
          .last = record.last,
          .told_until = record.told_until,
          .held_until = record.held_until,
          .moves = record.moves};
}

void MoveWatch::Restore(const MoveMemory& memory) {
  Record& record = Take(KeyOf(memory.vlan, memory.address), Tick{memory.last});
  record.first = memory.first;
  record.told_until = memory.told_until;
  record.held_until = memory.held_until;
  record.moves = memory.moves;
}

// As in the address table.
uint64_t MoveWatch::KeyOf(VlanId vlan, MacAddress address) {
  return (uint64_t{1} << 60U) | (uint64_t{vlan.value} << 48U) | address.number();
}

size_t MoveWatch::PlaceOf(uint64_t key) const {
  uint64_t hash = (key ^ salt_) * 0x9E3779B97F4A7C15;
  hash = (hash ^ (hash >> 32U)) * 0xBF58476D1CE4E5B9;
  return static_cast<size_t>(hash >> 32U) % places_.size();
}

const MoveWatch::Record* MoveWatch::Find(uint64_t key) const {
  const Place& place = places_[PlaceOf(key)];
  const auto* const found = std::find_if(place.begin(), place.end(),
                                         [&](const Record& record) { return record.key == key; });
  return found == place.end() ? nullptr : found;
}

// Its record, or a new one.
MoveWatch::Record& MoveWatch::Take(uint64_t key, Tick now) {
  Place& place = places_[PlaceOf(key)];
  auto* record = std::find_if(place.begin(), place.end(),
                              [&](const Record& candidate) { return candidate.key == key; });
  if (record == place.end()) {
    const auto worth = [now](const Record& candidate) {
      return std::make_tuple(now.centiseconds < candidate.held_until, candidate.last);
    };
    record = std::min_element(place.begin(), place.end(), [&](const Record& a, const Record& b) {
      return worth(a) < worth(b);
    });
    *record = {.key = key};
  }
  record->last = now.centiseconds;
  return *record;
}

}  // namespace tapswitch
