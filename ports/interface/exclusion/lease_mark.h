// The mark of a lease: a process that is no switch keeps the host out of an interface for one that
// may have been killed (host_lease.h).

#pragma once

#include <csignal>

#include "absl/status/statusor.h"
#include "ports/os/netns.h"
#include "ports/os/runtime_locks.h"

namespace tapswitch {

// Marks an interface as leased by this process, while the lock is held. AlreadyExists when another
// process has.
[[nodiscard]] absl::StatusOr<RuntimeLock> MarkLease(NetnsId netns, int ifindex);

// Whether another process holds the lease of an interface. What keeps the host out there is then
// not abandoned, and is no sign of another switch.
[[nodiscard]] bool IsLeased(NetnsId netns, int ifindex);

// The signal by which a switch tells who holds the lease of an interface that it keeps the host out
// by itself now. Its value is the ifindex.
[[nodiscard]] inline int LeaseSignal() { return SIGRTMIN; }

// Tells that, and waits for the lease to end. To be called once the host is kept out, by a process
// that has claimed the interface. A parent is not told: it has the lease of what its child keeps.
void TakeUpLease(NetnsId netns, int ifindex);

// Has the process that holds the lease of an interface, after its switch was killed, give back all
// that it holds. Returns false when the interface is still leased after some seconds.
bool EndLease(NetnsId netns, int ifindex);

}  // namespace tapswitch
