// Which interfaces a netdev port may take, and why it may not take the others.

#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "ports/interface/netdev/netdev_options.h"
#include "ports/netlink/link_state.h"
#include "ports/os/netns.h"

namespace tapswitch {

// Whether the interface is a vxlan device in a shadow bridge (switch/control/evpn/README.md), which
// gets no frames from it: the host is kept out.
[[nodiscard]] bool IsInShadowBridge(const NetworkNamespace& netns, const NetdevOptions& options,
                                    const LinkState& link);

// Returns an error that says what is in the way. An interface that may stay in `master`, or is to
// leave it, is usable, too; 0: none.
[[nodiscard]] absl::Status CheckIsUsable(const NetworkNamespace& netns, const LinkState& link,
                                         bool is_layer3, int master = 0);

// `claim` is why the interface could not be claimed; returns that in words if it is in use.
[[nodiscard]] absl::Status InUse(std::string_view name, const absl::Status& claim);

}  // namespace tapswitch
