// Reads lists of rtnetlink that may be long, such as the routes of a router, up to a limit.

#pragma once

#include <functional>

#include "ports/netlink/route_socket.h"

namespace tapswitch {

// Sends `request`, which asks for a dump, in the calling thread's namespace. Hands each message of
// the answer to `on_reply` until that returns false, some thousand have come, or a quarter of a
// second is over. The kernel is asked to filter by the request (Linux 4.20); on older kernels
// `on_reply` sees more messages. Errors end the dump silently.
void DumpSome(NlMessage request, const std::function<bool(nlmsghdr&)>& on_reply);

}  // namespace tapswitch
