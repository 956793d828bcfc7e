// Restores ports whose interface or network namespace was deleted and made again.
//
// The kernel announces changes of interfaces, but not that the name of a namespace is gone, nor
// that another process has released an interface. So the control thread checks twice a second, but
// only while a port is in another namespace or waits for its interface. It reports changes to the
// ports, which do the rest. An interface that the switch made in a namespace is made again.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "ports/os/netns.h"
#include "ports/port.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/workers/channels/event_channel.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

class InterfaceMinder {
 public:
  // Both arguments must outlive this object.
  InterfaceMinder(BridgeControl& control, RunningSwitch running)
      : control_(control), running_(std::move(running)) {}

  // Records ports that lost their interface.
  void OnLinkState(const LinkStateEvent& event);

  // Checks the ports, if it is time.
  void Step();

  // The time until Step has work; nothing: until a port is added or an event comes.
  [[nodiscard]] std::optional<std::chrono::milliseconds> Wait() const;

 private:
  using Clock = std::chrono::steady_clock;

  // The state of a port with netns= when it was opened.
  struct Home {
    uint32_t opened = 0;             // number of this opening of the port
    std::optional<NetnsId> netns{};  // set for a netdev port
    std::optional<uint64_t> cookie;  // set for a TAP, which does not keep its namespace alive
  };

  void Look(const PortConfig& port);
  void LookAtNetdev(const PortConfig& port, std::string_view netns);
  void LookAtOwn(const PortConfig& port, std::string_view netns);
  void MakeAgain(const PortConfig& port);
  [[nodiscard]] std::optional<PortStatus> StatusOf(std::string_view port) const;
  void Tell(const LinkEvent& news);
  // Returns the record of a port, which is made if there is none for this opening.
  Home& HomeOf(const PortConfig& port);

  BridgeControl& control_;
  RunningSwitch running_;
  std::set<std::string, std::less<>> waiting_;  // ports without an interface, as far as known
  std::map<std::string, Home, std::less<>> homes_;
  std::string last_complaint_;
  Clock::time_point next_look_{};
};

}  // namespace tapswitch
