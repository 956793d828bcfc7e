// The alarms of the bridge's guards. An alarm tells what a guard has noticed: somebody should hear
// of it, and a port may have to be shut down.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "switch/forwarding/ids.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

// The kinds of flooded frames that storm control tells apart.
enum class StormKind : uint8_t { kBroadcast, kMulticast, kUnknownUnicast };

inline constexpr size_t kStormKindCount = 3;
inline constexpr std::array<std::string_view, kStormKindCount> kStormKindNames{
    "broadcast", "multicast", "unknown"};

[[nodiscard]] constexpr std::string_view NameOf(StormKind kind) {
  return kStormKindNames[static_cast<size_t>(kind)];
}

struct Alarm {
  enum class Kind : uint8_t {
    kStorm,          // a rate of flooded frames is exceeded
    kLearnLimit,     // more stations behind a port than it may have
    kMacMoves,       // a station moves to and fro
    kSpoofing,       // frames from addresses that are not allowed
    kLoop,           // a probe has come back
    kLoopSuspected,  // stations move to and fro between two ports
    kOwnAddress,     // the port's interface has the address of a station behind another port
    kBpduGuard,      // a BPDU came in where there may be no bridge
    kRootGuard,      // a better root was heard of where it may not be
    kLoopGuard,      // a bridge has fallen silent: the port does not take over
    kLoopedBack,     // the port hears its own BPDUs
    kDispute,        // the neighbour does not hear the port
    kMldDeaf,        // stations behind the port answer no queries of MLD
    kGroupLimit,     // memberships of the port were refused
  };

  Kind kind = Kind::kStorm;
  StormKind storm = StormKind::kBroadcast;  // kStorm: of what
  PortId port;                              // that is to blame
  PortId other;          // kMacMoves: where the station was; kLoop: where the probe was sent;
                         // kLoopSuspected: the other end;
                         // kOwnAddress: where the station is
  VlanId vlan;           // where one is known
  MacAddress address{};  // of the station, where there is one
  bool damped = false;   // kMacMoves: it is held where it is, for `recovery`
  bool shut_down = false;
  Ticks recovery;  // how long the port is shut down; 0: until somebody says otherwise

  bool operator==(const Alarm&) const = default;
};

inline constexpr size_t kAlarmKindCount = 14;
inline constexpr std::array<std::string_view, kAlarmKindCount> kAlarmNames{
    "storm",          "fdb_limit",   "mac_moves",  "spoofing",   "loop",
    "loop_suspected", "own_address", "bpdu_guard", "root_guard", "loop_guard",
    "looped_back",    "dispute",     "mld_deaf",   "group_limit"};

[[nodiscard]] constexpr std::string_view NameOf(Alarm::Kind kind) {
  return kAlarmNames[static_cast<size_t>(kind)];
}

// The alarms of one batch. Guards raise an alarm once and not again for each frame, so there is
// room.
class AlarmLog {
 public:
  // False when there was no room after all: to be raised again.
  bool Raise(const Alarm& alarm) {
    if (size_ == alarms_.size()) return false;
    alarms_[size_++] = alarm;
    return true;
  }
  [[nodiscard]] std::span<const Alarm> alarms() const { return std::span(alarms_).first(size_); }
  void Clear() { size_ = 0; }

 private:
  std::array<Alarm, 64> alarms_{};
  size_t size_ = 0;
};

}  // namespace tapswitch
