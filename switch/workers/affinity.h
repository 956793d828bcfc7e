// Which processors run which threads.

#pragma once

#include <cstddef>
#include <vector>

namespace tapswitch {

// Those that the calling thread may run on, ascending; empty when that cannot be known.
[[nodiscard]] std::vector<int> AllowedCpus();

// From now on the calling thread runs on one of those processors only: the `index`th, round and
// round. Without effect when there are none.
void PinThread(const std::vector<int>& cpus, size_t index);

}  // namespace tapswitch
