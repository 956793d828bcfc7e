#include "switch/control/metrics/vni_metrics.h"

#include <array>
#include <optional>
#include <string_view>

#include "switch/control/metrics/label_text.h"

namespace tapswitch {
namespace {

// A number of each VNI, or two that a label tells apart.
struct VniMetric {
  struct Sample {
    std::string_view place;  // empty: there is no such label
    uint64_t VniSnapshot::*count;
  };

  std::string_view name;
  std::string_view help;
  MetricType type;
  std::array<std::optional<Sample>, 2> samples;
};

using VniSample = VniMetric::Sample;

const std::array kVniMetrics{
    VniMetric{"tapswitch_evpn_stations",
              "Stations of a VNI: local ones are behind ports of this switch, and are announced; "
              "remote ones were announced by other machines.",
              MetricType::Gauge,
              {VniSample{"local", &VniSnapshot::stations_here},
               VniSample{"remote", &VniSnapshot::stations_elsewhere}}},
    VniMetric{
        "tapswitch_evpn_neighbours",
        "Pairs of an IP and a MAC address that are announced (local), and that other machines "
        "announced (remote). They need neigh_suppress on the port.",
        MetricType::Gauge,
        {VniSample{"local", &VniSnapshot::neighbours_here},
         VniSample{"remote", &VniSnapshot::neighbours_elsewhere}}},
    VniMetric{"tapswitch_evpn_vteps",
              "Machines to which broadcasts and unknown frames of a VNI are sent. 0: BGP has no "
              "session (vtysh -c 'show bgp l2vpn evpn summary').",
              MetricType::Gauge,
              {VniSample{"", &VniSnapshot::vteps}, std::nullopt}},
    VniMetric{"tapswitch_evpn_resyncs_total",
              "Times that both tables of a VNI were read as a whole: at the start, and after "
              "something was lost or repaired.",
              MetricType::Counter,
              {VniSample{"", &VniSnapshot::resyncs}, std::nullopt}},
    VniMetric{"tapswitch_evpn_overruns_total",
              "Times that the kernel or the switch dropped announcements of changes, as they came "
              "too fast. Each is put right by reading all.",
              MetricType::Counter,
              {VniSample{"", &VniSnapshot::overruns}, std::nullopt}},
    VniMetric{"tapswitch_evpn_refusals_total",
              "Changes that the kernel refused, or for which the address table had no room "
              "(--fdb_max): such stations are reached by flooding alone.",
              MetricType::Counter,
              {VniSample{"", &VniSnapshot::refusals}, std::nullopt}},
};

Labels LabelsOf(const VniSnapshot& vni, const std::string& bridge) {
  return {{"bridge", bridge}, {"port", LabelText(vni.port)}, {"vni", std::to_string(vni.number)}};
}

}  // namespace

void AppendVniMetrics(const SwitchSnapshot& snapshot, const std::string& bridge,
                      std::vector<MetricFamily>& families) {
  if (snapshot.vnis.empty()) return;
  MetricFamily up{.name = "tapswitch_evpn_up",
                  .help =
                      "1 while the devices of a VNI are as they have to be; else 'tapctl evpn "
                      "show' says what is missing.",
                  .type = MetricType::Gauge};
  for (const VniSnapshot& vni : snapshot.vnis) Add(up, LabelsOf(vni, bridge), vni.is_up ? 1 : 0);
  families.push_back(std::move(up));
  for (const VniMetric& metric : kVniMetrics) {
    MetricFamily family{
        .name = std::string(metric.name), .help = std::string(metric.help), .type = metric.type};
    for (const VniSnapshot& vni : snapshot.vnis) {
      for (const auto& sample : metric.samples) {
        if (!sample) continue;
        Labels labels = LabelsOf(vni, bridge);
        if (!sample->place.empty()) labels.push_back({"place", std::string(sample->place)});
        Add(family, std::move(labels), ToDouble(vni.*sample->count));
      }
    }
    families.push_back(std::move(family));
  }
}

}  // namespace tapswitch
