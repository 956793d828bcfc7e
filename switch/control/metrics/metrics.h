// The state of a switch as Prometheus metrics (https://prometheus.io/docs/practices/naming/).
//
// Names are tapswitch_*, units are base units. All series have the label `bridge`; those of a port
// also `port`. A series exists from the first scrape on, with the value 0, so that a rate over it
// is right from its first event.

#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "switch/workers/snapshot.h"

namespace tapswitch {

// Properties that do not change while the switch runs.
struct MetricsIdentity {
  std::string bridge;
  std::string version;
  double start_time_seconds = 0;  // seconds since 1970
};

[[nodiscard]] std::vector<prometheus::MetricFamily> MetricFamilies(const SwitchSnapshot& snapshot,
                                                                   const MetricsIdentity& identity);

// Returns the metrics of a switch that did not answer: its identity, and tapswitch_up 0.
[[nodiscard]] std::vector<prometheus::MetricFamily> MetricFamiliesOfUnresponsive(
    const MetricsIdentity& identity);

}  // namespace tapswitch
