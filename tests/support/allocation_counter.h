// For tests of what must not allocate. Link allocation_counter.cc, which replaces operator new.

#pragma once

#include <cstddef>

namespace tapswitch {

// How often this program has called any operator new.
[[nodiscard]] size_t AllocationCount();

}  // namespace tapswitch
