// Reading the groups of a running switch for its successor, and bringing a new one to them.

#pragma once

#include <span>
#include <vector>

#include "switch/forwarding/fdb/multicast_group.h"
#include "switch/handover/state_transfer.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

// Reads all groups, a few between two batches, by a thread that may wait. By ascending key.
[[nodiscard]] std::vector<GroupMemory> ReadGroups(const RunningSwitch& running);

// Reads the groups that are not as they were in `before`, which is in ascending order. One that has
// gone is empty. By a command of the primary, when no frame is forwarded.
[[nodiscard]] std::vector<GroupMemory> ReadChangedGroups(const RunningSwitch& running,
                                                         std::span<const GroupMemory> before);

// Has the groups be as they were, by a command of the primary of the successor. Members behind
// ports that are not there are left out.
void RestoreGroups(const RunningSwitch& running, std::span<const GroupMemory> groups,
                   const PortIds& ids);

}  // namespace tapswitch
