// The other end of an interface that the switch has made for a port.

#pragma once

#include "ports/netlink/link_monitor.h"

namespace tapswitch {

class FarEnd {
 public:
  virtual ~FarEnd() = default;
  FarEnd(const FarEnd&) = delete;
  FarEnd& operator=(const FarEnd&) = delete;

  // Fills in LinkEvent::station of the port's own end, and has it watched.
  virtual void Describe(LinkMonitor& monitor, LinkEvent& link) const = 0;

 protected:
  FarEnd() = default;
};

}  // namespace tapswitch
