// Counts allocations, for tests of code that must not allocate. Link allocation_counter.cc, which
// replaces operator new.

#pragma once

#include <cstddef>

namespace tapswitch {

// The number of calls of any operator new by this program.
[[nodiscard]] size_t AllocationCount();

}  // namespace tapswitch
