// Drops the rights of a program that any user may start and that has more rights than its caller.
// It acts as the caller, except for two steps.
//
//   BecomeCaller   no capability is effective; files are opened with the caller's rights
//   Raise          the control socket and /dev/net/tun may be opened, whoever owns them
//   KeepNetAdmin   only CAP_NET_ADMIN is left, for good

#pragma once

#include "absl/status/status.h"

namespace tapswitch {

// The rights may come from a set-user-ID bit (root), from file capabilities, or from a set-group-ID
// bit together with these. The caller may also have them himself.
[[nodiscard]] absl::Status BecomeCaller();
[[nodiscard]] absl::Status Raise();
[[nodiscard]] absl::Status KeepNetAdmin();

}  // namespace tapswitch
