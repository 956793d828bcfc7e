// Giving up root, and all capabilities but those that a running switch needs.
//
// Linux keeps capabilities per thread (capabilities(7)), glibc changes users for all threads at
// once (nptl(7)). So the order is
//
//   each thread   KeepCapabilities   or the change of user would take them all away
//   one thread    ChangeUser         files, devices and namespaces open before, as root
//   each thread   LimitCapabilities  some may do nothing that needs privileges until then
//
// with nothing in between that starts a thread. Threads started after inherit what is left. An
// error leaves the process half-way: it has to end.

#pragma once

#include "absl/status/status.h"
#include "ports/os/user_accounts.h"

namespace tapswitch {

// So that the calling thread's permitted capabilities outlive ChangeUser.
[[nodiscard]] absl::Status KeepCapabilities();

// Real, effective and saved user and group, and supplementary groups, of all threads.
[[nodiscard]] absl::Status ChangeUser(const UserAccount& user);

// Keeps CAP_NET_ADMIN (TAPs and link settings), CAP_NET_BROADCAST (link events of other namespaces)
// and CAP_NET_RAW (netdev ports), of those the calling thread has; and sees to it that no program it
// executes gets any (no_new_privs; an empty bounding set, where the thread may change it). What is
// gone with the others: entering namespaces (CAP_SYS_ADMIN), so ports with netns= cannot be added
// any more.
[[nodiscard]] absl::Status LimitCapabilities();

}  // namespace tapswitch
