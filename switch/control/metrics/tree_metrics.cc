#include "switch/control/metrics/tree_metrics.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "switch/control/metrics/label_text.h"
#include "switch/protocol/stp/spanning_tree.h"

namespace tapswitch {
namespace {

// A counter of each port, in samples that a label tells apart.
struct TreeMetric {
  struct Sample {
    std::string_view value;  // of the label
    uint64_t stp::PortCounts::*count;
  };

  std::string_view name;
  std::string_view help;
  std::string_view label;
  std::array<std::optional<Sample>, 3> samples;
};

using Counts = stp::PortCounts;
using Sample = TreeMetric::Sample;

constexpr std::array kTreeMetrics{
    TreeMetric{"tapswitch_stp_received_bpdus_total",
               "BPDUs that were received and read, by kind. A port with config has a neighbour "
               "that does not speak RSTP.",
               "kind",
               {Sample{"config", &Counts::received_config}, Sample{"rst", &Counts::received_rst},
                Sample{"tcn", &Counts::received_tcn}}},
    TreeMetric{"tapswitch_stp_sent_bpdus_total",
               "BPDUs that were sent, by kind.",
               "kind",
               {Sample{"config", &Counts::sent_config}, Sample{"rst", &Counts::sent_rst},
                Sample{"tcn", &Counts::sent_tcn}}},
    TreeMetric{"tapswitch_stp_ignored_bpdus_total",
               "BPDUs that were not read: malformed ones, those of a port with bpdu_filter in "
               "either direction, and those beyond 100 a second of a port.",
               "reason",
               {Sample{"invalid", &Counts::invalid}, Sample{"filtered", &Counts::filtered},
                Sample{"excessive", &Counts::excessive}}},
    TreeMetric{"tapswitch_stp_transitions_total",
               "Changes of a port into state forwarding, and out of it or of learning. When they "
               "go on, a link flaps: see `tapctl monitor stp`.",
               "to",
               {Sample{"forwarding", &Counts::to_forwarding},
                Sample{"discarding", &Counts::to_discarding}, std::nullopt}},
};

std::string NameIn(const SwitchSnapshot& snapshot, PortId id) {
  const auto found = std::find_if(snapshot.ports.begin(), snapshot.ports.end(),
                                  [&](const PortSnapshot& port) { return port.id == id; });
  return found == snapshot.ports.end() ? "" : LabelText(found->name);
}

class TreeFamilies {
 public:
  TreeFamilies(const SwitchSnapshot& snapshot, std::string bridge)
      : snapshot_(snapshot), tree_(*snapshot.protocols.tree), bridge_(std::move(bridge)) {}

  void AppendTo(std::vector<MetricFamily>& families) const {
    for (const TreeMetric& metric : kTreeMetrics) families.push_back(CountersOf(metric));
    families.push_back(Roles());
    families.push_back(GuardHits());
    families.push_back(
        Single(MetricType::Counter, "tapswitch_stp_topology_changes_total",
               "Topology changes that were detected or heard of: each has addresses forgotten. "
               "When they go on, `tapctl stp show` names the ports that they come from.",
               {{"bridge", bridge_}}, ToDouble(tree_.changes.count)));
    families.push_back(Single(MetricType::Gauge, "tapswitch_stp_root_path_cost",
                              "Cost of the path to the root; 0 when this bridge is the root.",
                              {{"bridge", bridge_}}, ToDouble(tree_.root.root_path_cost)));
  }

 private:
  [[nodiscard]] Labels LabelsOf(const SpanningTreeSnapshot::Port& one) const {
    return {{"bridge", bridge_}, {"port", NameIn(snapshot_, one.port.id)}};
  }

  [[nodiscard]] MetricFamily CountersOf(const TreeMetric& metric) const {
    MetricFamily family{.name = std::string(metric.name),
                        .help = std::string(metric.help),
                        .type = MetricType::Counter};
    for (const SpanningTreeSnapshot::Port& one : tree_.ports) {
      for (const auto& sample : metric.samples) {
        if (!sample) continue;
        Labels labels = LabelsOf(one);
        labels.push_back({std::string(metric.label), std::string(sample->value)});
        Add(family, std::move(labels), ToDouble(one.port.counts.*sample->count));
      }
    }
    return family;
  }

  [[nodiscard]] MetricFamily Roles() const {
    MetricFamily family{.name = "tapswitch_stp_port_role",
                        .help = "Always 1; the label says which role the port has.",
                        .type = MetricType::Gauge};
    for (const SpanningTreeSnapshot::Port& one : tree_.ports) {
      Labels labels = LabelsOf(one);
      labels.push_back({"role", std::string(NameOf(one.port.role))});
      Add(family, std::move(labels), 1);
    }
    return family;
  }

  [[nodiscard]] MetricFamily GuardHits() const {
    MetricFamily family{.name = "tapswitch_stp_guard_hits_total",
                        .help =
                            "Times that a guard of the spanning tree stepped in (guard, "
                            "root_block, loop_guard, a port that hears itself): see "
                            "tapswitch_port_alarms_total for which.",
                        .type = MetricType::Counter};
    for (const SpanningTreeSnapshot::Port& one : tree_.ports) {
      Add(family, LabelsOf(one), ToDouble(one.port.counts.guard_hits));
    }
    return family;
  }

  const SwitchSnapshot& snapshot_;
  const SpanningTreeSnapshot& tree_;
  std::string bridge_;
};

}  // namespace

void AppendTreeMetrics(const SwitchSnapshot& snapshot, const std::string& bridge,
                       std::vector<MetricFamily>& families) {
  if (snapshot.protocols.tree) TreeFamilies(snapshot, bridge).AppendTo(families);
}

}  // namespace tapswitch
