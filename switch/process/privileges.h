// Drops root, and all capabilities but those that a running switch needs.
//
// Linux keeps capabilities per thread (capabilities(7)), while glibc changes users for all threads
// at once (nptl(7)). So the order is
//
//   each thread   KeepCapabilities   or the change of user would take them all away
//   one thread    ChangeUser         files, devices and namespaces open before, as root
//   each thread   LimitCapabilities  some may do nothing that needs privileges until then
//
// No thread may be started in between. Threads that are started later inherit the remaining
// capabilities. After an error the process is in an intermediate state and must end.

#pragma once

#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "ports/os/user_accounts.h"

namespace tapswitch {

// Lets the calling thread's permitted capabilities survive ChangeUser.
[[nodiscard]] absl::Status KeepCapabilities();

// Changes the real, effective and saved user and group, and the supplementary groups, of all
// threads, unless they are those of that user already.
[[nodiscard]] absl::Status ChangeUser(const UserAccount& user);

// Keeps CAP_NET_ADMIN (TAPs and link settings), CAP_NET_BROADCAST (link events of other namespaces)
// and CAP_NET_RAW (netdev ports), if the calling thread has them. Programs that it executes get no
// capabilities (no_new_privs; a bounding set of these alone, if the thread may change it), but by
// WithRightsForPrograms. The others are lost. Without CAP_SYS_ADMIN no namespace can be entered, so
// ports with netns= cannot be added any more.
[[nodiscard]] absl::Status LimitCapabilities();

// Calls a function so that a program which it starts has the capabilities of the calling thread,
// also where LimitCapabilities keeps programs from having any. An error is one of that, or of
// `start`.
[[nodiscard]] absl::Status WithRightsForPrograms(const std::function<absl::Status()>& start);

// Gives up CAP_BPF of the calling thread, which programs need only to be loaded; unless it may do
// anything anyway (CAP_SYS_ADMIN).
[[nodiscard]] absl::Status GiveUpBpf();

// A step that each thread takes for itself.
using PrivilegeStep = absl::Status (*)();

// Gives up what a switch that has started does not need: all of the above for a `user`, else
// CAP_BPF. `on_all` has each thread of the process take a step.
[[nodiscard]] absl::Status GiveUpPrivileges(
    const std::optional<UserAccount>& user,
    const std::function<absl::Status(PrivilegeStep step)>& on_all);

}  // namespace tapswitch
