// Tells those who watch neighbours what has become of them.
//
// The switch keeps no account of changes: as long as a client watches, the neighbours are read some
// times a second, and the differences are told: of one that changes twice in between, the last.

#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "switch/control/apply/bridge_control.h"
#include "switch/control/rpc/monitor.h"

namespace tapswitch {

class NeighbourWatch {
 public:
  static constexpr std::chrono::milliseconds kPeriod{200};

  // Both outlive this.
  NeighbourWatch(const BridgeControl& control, Monitor& monitor)
      : control_(control), monitor_(monitor) {}

  // Watches from now on, or no longer. Those who are there at first are not told of.
  void Watch(bool is_wanted);
  // Tells what has changed, if that is due, or at once. Without effect while nobody watches.
  void Step();
  void ReadNow();
  // The time until Step has something to do; nothing: until something happens.
  [[nodiscard]] std::optional<std::chrono::milliseconds> Wait() const;

 private:
  using Clock = std::chrono::steady_clock;
  using Key = std::pair<VlanId, IpAddress>;
  struct Seen {
    BridgeControl::NeighbourEntry entry;
    std::string_view state;  // of the time at which it was read
    std::string port;        // its name at that time
  };
  using Neighbours = std::map<Key, Seen>;

  [[nodiscard]] Neighbours Read() const;
  [[nodiscard]] static bool AreAlike(const Seen& one, const Seen& other);
  void Publish(std::string_view event, const Seen& seen);

  const BridgeControl& control_;
  Monitor& monitor_;
  bool is_watched_ = false;
  Clock::time_point next_;
  Neighbours known_;
};

}  // namespace tapswitch
