// The link of a port: its condition, and what it is told of the interface that it has.

#pragma once

#include <cstdint>
#include <string>

#include "ports/netlink/link_monitor.h"
#include "switch/forwarding/frame.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

// The condition of a port, as far as others need to know it. It is plain data, compared to notice a
// change.
struct PortStatus {
  bool link_up = false;  // frames can pass
  std::string reason;    // when not: why, in words for the user; else empty
  uint32_t mtu = 1500;   // bytes behind the Ethernet header, the outermost tag not counted
  uint32_t speed = 0;    // of its link, in Mbit/s; 0: not known
  OffloadSet accepted;   // unfinished work that may be sent to it
  int ifindex = 0;       // of its interface, in the namespace where that is; 0: there is none
  NetnsId netns;         // that namespace, where it is known
  // The address of an interface that is not the switch's own, and so the bridge's address. Zero
  // when there is no such interface.
  MacAddress address{};
  // The address of the interface behind this one, to which the kernel may hand frames right, past
  // this one (a veth port). Zero: it may not.
  MacAddress station{};
  // That interface is a TAP that another process holds, a guest mostly, and the host is kept out.
  bool is_guests = false;

  bool operator==(const PortStatus&) const = default;
};

class PortLink {
 public:
  virtual ~PortLink() = default;
  PortLink(const PortLink&) = delete;
  PortLink& operator=(const PortLink&) = delete;

  [[nodiscard]] virtual const PortStatus& status() const = 0;

  // The kernel reported a change of some interface; `link` is ignored when it is not this port's.
  virtual void OnLinkChange(const LinkEvent& link) = 0;

  // Another thread has the answer to what the port asked about its interface.
  virtual void OnLinkAnswer() {}

  // Tells a port with several queues, or what stands in for one of them, that the status of the
  // first has changed. The worker of each queue has one such object, and calls all of this for it.
  // The first is that of the primary worker, whose view of the port counts.
  virtual void OnFirstQueueStatus(const PortStatus& /*first*/) {}

 protected:
  PortLink() = default;
};

}  // namespace tapswitch
