// The messages to the service manager.

#pragma once

#include <string>

namespace tapswitch {

// Sends `state`, such as "READY=1", to $NOTIFY_SOCKET, if there is one. Unlike sd_notify(3), which
// waits where nobody reads the manager's socket, it does not hold up the calling thread. Where the
// socket has no room, another thread goes on trying.
void Notify(const std::string& state);

}  // namespace tapswitch
