// The metrics of the threads that forward.

#pragma once

#include <vector>

#include "switch/control/metrics/metric_family.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

// Appends the metrics of all loops together.
void AppendLoopMetrics(const LoopSnapshot& loop, const Labels& labels,
                       std::vector<MetricFamily>& families);

// Appends those of each worker, of which the loops above are the sums, and its polls for frames
// (--busy_poll).
void AppendWorkerMetrics(const std::vector<LoopSnapshot>& loops, const Labels& labels,
                         std::vector<MetricFamily>& families);

}  // namespace tapswitch
