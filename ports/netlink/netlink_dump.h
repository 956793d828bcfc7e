// Lists of rtnetlink that may be long, such as the routes of a router: read as far as is worth it.

#pragma once

#include <functional>

#include "ports/netlink/route_socket.h"

namespace tapswitch {

// Sends `request`, which asks for a dump, in the namespace that the thread is in, and hands each
// message of the answer to `on_reply` until that returns false, some thousand have come, or a quarter
// of a second is over. The kernel is asked to leave out what the request does not ask for (Linux 4.20);
// before that, `on_reply` sees more. Errors end it silently.
void DumpSome(NlMessage request, const std::function<bool(nlmsghdr&)>& on_reply);

}  // namespace tapswitch
