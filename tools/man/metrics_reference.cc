// Prints a line for each metric: name, type, labels and help, parted by tabs. For the manual page.

#include <iostream>
#include <string>
#include <string_view>

#include "switch/control/metrics/metrics.h"

namespace {

std::string_view NameOf(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return "counter";
    case prometheus::MetricType::Histogram:
      return "histogram";
    default:
      return "gauge";
  }
}

std::string LabelsOf(const prometheus::MetricFamily& family) {
  std::string labels;
  for (const auto& label : family.metric.at(0).label) {
    labels += (labels.empty() ? "" : ", ") + label.name;
  }
  return labels;
}

}  // namespace

int main() {
  tapswitch::SwitchSnapshot snapshot;
  snapshot.ports.emplace_back();
  snapshot.loops.emplace_back();
  snapshot.vnis.emplace_back();
  for (const auto& family : tapswitch::MetricFamilies(snapshot, {})) {
    std::cout << family.name << '\t' << NameOf(family.type) << '\t' << LabelsOf(family) << '\t'
              << family.help << '\n';
  }
  return 0;
}
