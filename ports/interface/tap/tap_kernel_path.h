// The part of a TAP in forwarding by the kernel (fastpath/kernel_forwarding.h): a program at the
// egress of its interface, which decides on what the host sends by it, and the seat that counts
// what is left to the switch. Towards the host, the kernel has frames come in by the interface.
//
// Only a TAP in the network namespace of the switch takes part, so the host's own: the kernel looks
// interfaces up where a frame is. It has to take all unfinished work (Linux 6.2), as a frame that
// is cut behind the program would be several for the switch.
//
// The program is attached once there is a port that it could carry frames to: the kernel takes some
// ten milliseconds for it. Where that comes after the TAP, frames may be on their way to the switch
// that the program has not seen. The seat is right once none are, or after the next of the two
// cases below.
//
// Others may have frames dropped behind the program: then the seat says that some are on their way
// when none are, and no flow begins until the link was down. Or they have frames get to the TAP
// without it, as by PACKET_QDISC_BYPASS: then a flow may begin while frames of it are on their way.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "ports/interface/fastpath/kernel_forwarding.h"
#include "ports/netlink/link_monitor.h"
#include "ports/os/file_descriptor.h"
#include "ports/port_handover.h"
#include "switch/forwarding/offload/virtio_net.h"
#include "switch/forwarding/wire_frame.h"

namespace tapswitch {

class TapKernelPath {
 public:
  // `accepted`: the unfinished work that the TAP takes. `inherited`: what HandOver has added in
  // another process, or null.
  TapKernelPath(KernelAccess access, OffloadSet accepted, PortHandover* inherited);
  ~TapKernelPath() { Leave(); }
  TapKernelPath(const TapKernelPath&) = delete;
  TapKernelPath& operator=(const TapKernelPath&) = delete;

  // Null where the kernel is not to carry anything. Any thread may ask.
  [[nodiscard]] const std::shared_ptr<KernelSeat>& seat() const { return seat_; }

  // ---- By the thread that asks after the interface, which is in the namespace of the switch

  // The interface is so now. Notes what the TAP has lost for want of room, too.
  void Follow(const LinkEvent& link);
  // It is deleted.
  void Leave();

  [[nodiscard]] absl::Status HandOver(PortHandover& to) const;

 private:
  void Attach(int ifindex);
  void NoteLost();

  KernelAccess access_;
  std::shared_ptr<KernelSeat> seat_;
  FileDescriptor link_;  // the program stays while it is open
  int ifindex_ = 0;      // of the interface that has the program
  bool was_up_ = false;
  std::optional<uint64_t> dropped_;  // by the interface, as last read
};

}  // namespace tapswitch
