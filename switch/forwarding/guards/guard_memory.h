// The memory of guards as plain data, for a process that goes on where another has ended. Times are
// ticks of the machine, not of the process.

#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "switch/forwarding/guards/alarms.h"
#include "switch/forwarding/guards/token_bucket.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

// Incidents that follow each other: see PortGuards.
struct EpisodeMemory {
  std::optional<Tick> last;
  bool shuts_down = false;

  bool operator==(const EpisodeMemory&) const = default;
};

struct PortGuardMemory {
  std::array<TokenBucket, kStormKindCount> buckets;
  std::array<EpisodeMemory, kStormKindCount> storms;
  EpisodeMemory at_limit;
  EpisodeMemory spoofing;

  bool operator==(const PortGuardMemory&) const = default;
};

// The moves of a station: see MoveWatch. The largest number is: for ever.
struct MoveMemory {
  VlanId vlan;
  MacAddress address;
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t told_until = 0;
  uint64_t held_until = 0;
  uint32_t moves = 0;

  bool operator==(const MoveMemory&) const = default;
};

}  // namespace tapswitch
