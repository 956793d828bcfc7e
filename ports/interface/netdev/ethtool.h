// Requests of ethtool(8) about an interface in the network namespace where the thread is.

#pragma once

#include <cstdint>

#include "ports/os/netns.h"

namespace tapswitch {

// Passes `argument`, which begins with a command (linux/ethtool.h), to the interface. False, and
// errno, when the interface or its driver does not have that.
[[nodiscard]] bool CallEthtool(int ifindex, void* argument);

// Returns the speed of the link in Mbit/s; 0 where it is not known. The thread may be elsewhere.
[[nodiscard]] uint32_t ReadLinkSpeed(const NetworkNamespace& netns, int ifindex);

}  // namespace tapswitch
