// The metrics of VNIs.

#pragma once

#include <string>
#include <vector>

#include "switch/control/metrics/metric_family.h"
#include "switch/workers/snapshot.h"

namespace tapswitch {

// Appends nothing while there are no VNIs.
void AppendVniMetrics(const SwitchSnapshot& snapshot, const std::string& bridge,
                      std::vector<MetricFamily>& families);

}  // namespace tapswitch
