// Going through the address table of a running switch, some thousand slots at a time, so that frames
// go on in between.

#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "switch/forwarding/fdb/mac_entry.h"
#include "switch/workers/running_switch.h"

namespace tapswitch {

// Hands over all live entries, in pieces, on this thread.
void VisitEntries(const RunningSwitch& running,
                  const std::function<void(std::span<const MacEntry>)>& visit);

// Removes what `unwanted`, called by the worker's thread, takes, and tells those who watch the table;
// returns how many.
uint64_t FlushEntries(const RunningSwitch& running,
                      const std::function<bool(const MacEntry&)>& unwanted);

}  // namespace tapswitch
