// Accepts a client from the queue of a listening socket.
//
// The kernel reports a waiting client once, when it arrives. If it cannot be accepted for lack of
// descriptors or memory, no event tells when it could be. The caller has to try again later.

#pragma once

#include <string>

#include "ports/os/file_descriptor.h"

namespace tapswitch {

struct Accepted {
  FileDescriptor connection;  // non-blocking; not valid when nobody was taken
  // The errno, such as EMFILE, if a client waits but cannot be accepted; 0 if none waits.
  int refused = 0;
};

// Does not block. Skips clients that have disconnected already.
[[nodiscard]] Accepted AcceptConnection(int listener);

// Returns who is at the other end of a Unix connection, for messages: "process 7 of user 0".
[[nodiscard]] std::string DescribePeer(int connection);

// Returns whether `error`, an errno, reports a lack of memory or descriptors. Such an error passes
// with time; the peer has no influence on it.
[[nodiscard]] bool IsScarcity(int error);

}  // namespace tapswitch
