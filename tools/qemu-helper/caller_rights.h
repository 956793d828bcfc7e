// What a program that anybody may start, with more rights than his own, does with them: it is the
// caller, but for two steps.
//
//   BecomeCaller   no capability is in effect; files are opened as the caller would
//   Raise          the control socket and /dev/net/tun may be opened, whoever they belong to
//   KeepNetAdmin   CAP_NET_ADMIN is all that is left, for good

#pragma once

#include "absl/status/status.h"

namespace tapswitch {

// The rights may come from a set-user-ID bit (root), file capabilities, or a set-group-ID bit that
// goes with these; or the caller has them himself.
[[nodiscard]] absl::Status BecomeCaller();
[[nodiscard]] absl::Status Raise();
[[nodiscard]] absl::Status KeepNetAdmin();

}  // namespace tapswitch
