// Taking a client from the queue of a listening socket, and what to do when there is no room for it.
//
// A client that waits in the kernel's queue is told of once, when it comes. Where it cannot be taken
// for want of a descriptor or of memory, nothing tells when it could be: whoever listens has to try
// again after a time.

#pragma once

#include "ports/os/file_descriptor.h"

namespace tapswitch {

struct Accepted {
  FileDescriptor connection;  // non-blocking; not valid when nobody was taken
  // Why not, when somebody waits all the same: an errno, such as EMFILE. 0: nobody waits.
  int refused = 0;
};

// Never waits. Clients that were gone again by then are passed over.
[[nodiscard]] Accepted AcceptConnection(int listener);

// Whether `error`, an errno, says that there was no memory or no descriptor: it passes with time, and
// not with what the other side does.
[[nodiscard]] bool IsScarcity(int error);

}  // namespace tapswitch
