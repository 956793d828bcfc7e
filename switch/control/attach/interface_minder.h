// Brings ports back whose interface, or whose network namespace, was deleted and made again.
//
// The kernel announces what happens to interfaces, but not that the name of a namespace has gone, nor
// that another process lets an interface go. So the control thread looks, twice a second, and only
// while there is a port in another namespace or one that waits. What it finds changed it tells the
// ports, which do the rest; and a TAP that the switch made in a namespace is made again.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "ports/os/netns.h"
#include "ports/port.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/workers/event_channel.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

class InterfaceMinder {
 public:
  // Both outlive this.
  InterfaceMinder(BridgeControl& control, const RunningSwitch& running)
      : control_(control), running_(running) {}

  // Takes note of ports that lost their interface.
  void OnLinkState(const LinkStateEvent& event);

  // Looks, if it is time.
  void Step();

  // How long until Step has something to do; nothing: until a port comes or an event tells.
  [[nodiscard]] std::optional<std::chrono::milliseconds> Wait() const;

 private:
  using Clock = std::chrono::steady_clock;

  // A port with netns=, as it was when it was opened.
  struct Home {
    uint32_t opened = 0;             // which opening of the port
    std::optional<NetnsId> netns{};  // of a netdev port
    std::optional<uint64_t> cookie;  // of a TAP, which does not keep its namespace alive
  };

  void Look(const PortConfig& port);
  void LookAtNetdev(const PortConfig& port, std::string_view netns);
  void LookAtTap(const PortConfig& port, std::string_view netns);
  void MakeAgain(const PortConfig& port);
  [[nodiscard]] std::optional<PortStatus> StatusOf(std::string_view port) const;
  void Tell(const LinkEvent& news);
  // The note about a port, made if there is none of this opening.
  Home& HomeOf(const PortConfig& port);

  BridgeControl& control_;
  RunningSwitch running_;
  std::set<std::string, std::less<>> waiting_;  // ports without an interface, as far as is known
  std::map<std::string, Home, std::less<>> homes_;
  std::string last_complaint_;
  Clock::time_point next_look_{};
};

}  // namespace tapswitch
