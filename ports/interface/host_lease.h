// The exclusion of the host from an interface, as a process keeps it that is no switch: it outlives
// a switch that is killed, until the lease ends or another switch has the interface.
//
// A link of a BPF program lasts as long as one process has it open. A clsact filter lasts until
// somebody removes it, so what is leased of it is that nobody does.

#pragma once

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"
#include "ports/os/netns.h"
#include "ports/os/runtime_locks.h"
#include "ports/port_handover.h"

namespace tapswitch {

class HostLease {
 public:
  // Whether a port that is handed over keeps the host out, and has what Take takes.
  [[nodiscard]] static bool IsPossible(const PortHandover& port);
  // Reduces what a port hands over to what Take takes.
  [[nodiscard]] static PortHandover Reduce(PortHandover port);

  // Takes copies of the files from `port`, which stay there.
  [[nodiscard]] static absl::StatusOr<HostLease> Take(const PortHandover& port);

  // Gives the interface back to the host, unless a switch keeps the host out itself.
  ~HostLease();
  HostLease(HostLease&& other) noexcept;
  HostLease& operator=(HostLease&&) = delete;
  HostLease(const HostLease&) = delete;
  HostLease& operator=(const HostLease&) = delete;

  [[nodiscard]] int ifindex() const { return ifindex_; }
  // Whether another process has claimed the interface, which then keeps the host out by itself.
  [[nodiscard]] bool IsTakenUp() const;
  // Whether the interface is no more. False as well if its namespace cannot be looked into.
  [[nodiscard]] bool HasGone() const;

 private:
  HostLease(NetworkNamespace netns, int ifindex, FileDescriptor link, RuntimeLock mark);

  NetworkNamespace netns_;
  int ifindex_;  // 0: moved from
  FileDescriptor link_;
  RuntimeLock mark_;
};

}  // namespace tapswitch
