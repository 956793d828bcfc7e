// Which processors run which threads.

#pragma once

#include <cstddef>
#include <vector>

namespace tapswitch {

// Those that the calling thread may run on, ascending; empty when that cannot be known.
[[nodiscard]] std::vector<int> AllowedCpus();

// How many workers a machine of so many processors has use for: one less, so that there is one for
// who sends and receives. With two processors two workers carry more than one when both of them are
// busy (bench/README.md), and the scheduler sees to the rest.
[[nodiscard]] size_t MostWorkers(size_t processors);

// From now on the calling thread runs on one of those processors only: the `index`th, round and
// round. Without effect when there are none.
void PinThread(const std::vector<int>& cpus, size_t index);

}  // namespace tapswitch
