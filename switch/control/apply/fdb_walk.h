// Walks over the address table of a running switch, some thousand slots at a time. Frames are
// forwarded in between.

#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "switch/forwarding/fdb/mac_entry.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

// Hands all live entries to `visit`, in pieces, on this thread.
void VisitEntries(const RunningSwitch& running,
                  const std::function<void(std::span<const MacEntry>)>& visit);

// Removes the entries that `unwanted` selects, and reports them to those who watch the table. The
// worker's thread calls `unwanted`. Returns how many were removed.
uint64_t FlushEntries(const RunningSwitch& running,
                      const std::function<bool(const MacEntry&)>& unwanted);

}  // namespace tapswitch
