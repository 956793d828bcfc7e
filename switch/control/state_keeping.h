// The keeping of state outside of this process, for the case that it dies, as the control thread
// serves it.

#pragma once

#include <chrono>
#include <optional>

#include "switch/control/apply/bridge_control.h"
#include "switch/control/attach/attacher.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

// All is called on the control thread.
class StateKeeping {
 public:
  virtual ~StateKeeping() = default;
  StateKeeping(const StateKeeping&) = delete;
  StateKeeping& operator=(const StateKeeping&) = delete;

  // All ports are there. Both outlive the calls below. `metrics_listener` is the socket that
  // listens for scrapes; negative: there is none.
  virtual void Begin(BridgeControl& control, const Attacher& attacher, int metrics_listener) = 0;
  // The switch forwards and serves clients.
  virtual void Ready() = 0;
  // The link of a port has changed: it may have other files.
  virtual void OnLinkState(PortId port) = 0;
  // A port was closed. Nothing is kept of it when this returns.
  virtual void OnRemoved(PortId port) = 0;
  // Keeps what has changed, if it is time. Returns the time until that has work again; nothing:
  // until something changes.
  virtual std::optional<std::chrono::milliseconds> Step() = 0;

 protected:
  StateKeeping() = default;
};

}  // namespace tapswitch
