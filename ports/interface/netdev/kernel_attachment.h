// The part of a netdev port in forwarding by the kernel: the filter of its packet sockets, and the
// seat that counts what they are given (fastpath/kernel_forwarding.h).
//
// The filter is on the sockets only while the carrier is at the ingress of the interface: what it
// decides on would be lost otherwise.

#pragma once

#include <memory>
#include <span>

#include "absl/status/status.h"
#include "ports/interface/fastpath/kernel_forwarding.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/netns.h"
#include "ports/port_handover.h"
#include "switch/forwarding/ids.h"

namespace tapswitch {

class KernelAttachment {
 public:
  explicit KernelAttachment(KernelAccess access) : access_(access) {}
  ~KernelAttachment() { Leave(); }
  KernelAttachment(const KernelAttachment&) = delete;
  KernelAttachment& operator=(const KernelAttachment&) = delete;

  // The program for the ingress of an interface in `netns`; null where the kernel is not to carry.
  [[nodiscard]] const FileDescriptor* CarrierFor(const NetworkNamespace& netns) const;

  // There are new sockets, which are not bound yet.
  void OnNewSockets();

  // Prepares the sockets for being bound to an interface, where the carrier is, or not.
  [[nodiscard]] absl::Status Attach(std::span<const FileDescriptor> sockets, int ifindex,
                                    bool carries);
  // Notes how many frames the interface has dropped until now that were to leave by it: the kernel
  // has carried none of them. Done by Attach and Inherit.
  void NoteDropped(int ifindex) const;
  // The interface is left.
  void Leave();
  // Nobody knows what the sockets have been given: they are of no use for this.
  void GiveUp();

  // Adds what a successor needs to go on with the filter, and takes that over: where the programs
  // were handed over, too, it goes on counting where the first process ended. Where that was killed
  // (the number `killed`), nobody knows how many of the counted frames it had read: then those that
  // wait in the sockets are dropped, and counting begins anew.
  void HandOver(PortHandover& to) const;
  void Inherit(const PortHandover& inherited, int ifindex, std::span<const FileDescriptor> sockets);

  // Whether the sockets have the filter.
  [[nodiscard]] bool filters() const { return ifindex_ != 0; }
  [[nodiscard]] absl::Status SetFilter(int socket) const;

  // The seat of the present sockets; null without forwarding by the kernel.
  [[nodiscard]] const std::shared_ptr<KernelSeat>& seat() const { return seat_; }

 private:
  void Begin(int ifindex);

  KernelAccess access_;
  std::shared_ptr<KernelSeat> seat_;
  int ifindex_ = 0;  // of the interface that is attached with the filter
};

}  // namespace tapswitch
