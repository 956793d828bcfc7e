// Metrics as the library for Prometheus has them, in few words.

#pragma once

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tapswitch {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Label = ClientMetric::Label;
using Labels = std::vector<Label>;

// Prometheus counts in doubles: exact up to 2^53.
inline double ToDouble(uint64_t count) { return static_cast<double>(count); }

inline void Add(MetricFamily& family, Labels labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  if (family.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(std::move(metric));
}

inline MetricFamily Single(MetricType type, std::string name, std::string help, Labels labels,
                           double value) {
  MetricFamily family{.name = std::move(name), .help = std::move(help), .type = type};
  Add(family, std::move(labels), value);
  return family;
}

}  // namespace tapswitch
