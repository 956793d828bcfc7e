// The settings of a port's guards, as plain data: what they watch for, and what they do about it.
// Times are of the loop's clock.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "switch/forwarding/guards/alarms.h"
#include "switch/forwarding/guards/allow_list.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

// 0 where it is how long a port stays shut down: until somebody recovers it.
inline constexpr Ticks kDefaultRecovery{30000};

// How much of what is flooded may come in by a port.
struct StormControl {
  struct Rate {
    uint64_t per_second = 0;  // 0: no limit
    bool in_bits =
        false;  // of whole frames, from the destination to the last byte of data; else frames

    bool operator==(const Rate&) const = default;
  };

  std::array<Rate, kStormKindCount> rates{};  // by StormKind
  Ticks burst{10};                            // how long a silence can be caught up with
  bool shuts_down = false;                    // else what is too much is dropped, no more
  Ticks recovery = kDefaultRecovery;

  [[nodiscard]] bool is_on() const {
    return std::any_of(rates.begin(), rates.end(),
                       [](const Rate& rate) { return rate.per_second != 0; });
  }
  bool operator==(const StormControl&) const = default;
};

// The treatment of frames from stations beyond the number that a port may learn.
enum class LimitAction : uint8_t {
  kNone,      // not learned, but forwarded, as with the Linux bridge
  kDrop,      // neither
  kShutDown,  // and the port is shut down
  kReplace,   // learned, in place of the station of this port that was not seen for longest
};
inline constexpr std::array<std::string_view, 4> kLimitActionNames{"none", "drop", "shutdown",
                                                                   "replace"};

// The action against a station that moves to and fro.
enum class MoveAction : uint8_t {
  kLog,
  kDamp,      // it is held where it is
  kShutDown,  // the port that it moved to last
};
inline constexpr std::array<std::string_view, 3> kMoveActionNames{"log", "damp", "shutdown"};

struct PortSecurity {
  LimitAction at_limit = LimitAction::kNone;
  uint32_t max_moves = 0;  // of one station, to this port, within `moves_within`; 0: any number
  Ticks moves_within{1000};
  MoveAction on_moves = MoveAction::kLog;
  Ticks recovery = kDefaultRecovery;         // how long a port is shut down, or a station held
  std::shared_ptr<const AllowList> allowed;  // null: anybody

  // Lists are never changed, so one that was edited is another one.
  bool operator==(const PortSecurity&) const = default;
};

}  // namespace tapswitch
