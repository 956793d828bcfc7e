// Bringing a TAP that is open to the place and the state that its options name.

#pragma once

#include "absl/status/status.h"
#include "ports/interface/tap/tap_attach.h"
#include "ports/interface/tap/tap_options.h"
#include "ports/os/netns.h"

namespace tapswitch {

// Claims the interface of `tap`, moves it to `target` under the name of its options, and sets and
// brings it up as they say. After an error a TAP that existed is where it was, with the settings it
// had.
[[nodiscard]] absl::Status SettleTap(AttachedTap& tap, const TapOptions& options,
                                     const NetworkNamespace& target);

}  // namespace tapswitch
