// What the queues of a port know of its interface.
//
// Each queue of a port lives on a thread of its own, and LinkMonitor on that of the first. So the
// first queue asks the kernel, as the only queue of a port does, and the others are given what it was
// answered last. It hears of each change before they do, so that is never older than the change
// that they ask about.

#pragma once

#include "ports/interface_port.h"

namespace tapswitch {

struct SharedLinkQueries {
  LinkQuery first;   // asks, and keeps the answer; for one thread
  LinkQuery others;  // the last answer, FailedPrecondition before there is one; for any thread
};

[[nodiscard]] SharedLinkQueries ShareLink(LinkQuery query);

}  // namespace tapswitch
