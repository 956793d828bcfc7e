// What the service manager is told.

#pragma once

#include <string>

namespace tapswitch {

// As sd_notify(3), which waits where nobody reads the manager's socket: `state`, such as "READY=1",
// to $NOTIFY_SOCKET, if there is one. The calling thread does not wait; where the socket has no
// room, another thread goes on trying.
void Notify(const std::string& state);

}  // namespace tapswitch
