#include "switch/control/metrics/metrics.h"

#include <prometheus/client_metric.h>
#include <prometheus/metric_type.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "switch/control/metrics/label_text.h"
#include "switch/control/metrics/loop_metrics.h"
#include "switch/control/metrics/metric_family.h"
#include "switch/control/metrics/tree_metrics.h"
#include "switch/control/metrics/vni_metrics.h"

namespace tapswitch {
namespace {

// ----- ports -------------------------------------------------------------------------------------

struct PortMetric {
  std::string_view name;
  MetricType type;
  std::string_view help;
  double (*value)(const PortSnapshot&);
};

constexpr std::array kPortMetrics{
    PortMetric{"tapswitch_port_received_frames_total", MetricType::Counter,
               "Frames that came in by the port: each is forwarded or dropped for one reason.",
               [](const PortSnapshot& port) { return ToDouble(port.counters.received.frames); }},
    PortMetric{"tapswitch_port_received_bytes_total", MetricType::Counter,
               "Bytes of the frames that came in by the port, Ethernet headers included.",
               [](const PortSnapshot& port) { return ToDouble(port.counters.received.bytes); }},
    PortMetric{"tapswitch_port_forwarded_frames_total", MetricType::Counter,
               "Received frames that were handed to at least one other port. Well below the "
               "received ones: see the reasons of tapswitch_port_dropped_frames_total.",
               [](const PortSnapshot& port) { return ToDouble(port.counters.forwarded); }},
    PortMetric{"tapswitch_port_sent_frames_total", MetricType::Counter,
               "Frames that left by the port. Floods count once for each port they leave by, so "
               "much more than is received elsewhere means flooding: see "
               "tapswitch_fdb_evicted_entries_total.",
               [](const PortSnapshot& port) { return ToDouble(port.counters.sent.frames); }},
    PortMetric{"tapswitch_port_sent_bytes_total", MetricType::Counter,
               "Bytes of the frames that left by the port, Ethernet headers included.",
               [](const PortSnapshot& port) { return ToDouble(port.counters.sent.bytes); }},
    PortMetric{"tapswitch_port_kernel_received_frames_total", MetricType::Counter,
               "Of the received frames, those that the kernel carried by itself (see "
               "--kernel_forwarding).",
               [](const PortSnapshot& port) {
                 return port.kernel ? ToDouble(port.kernel->received.frames) : 0.0;
               }},
    PortMetric{"tapswitch_port_kernel_sent_frames_total", MetricType::Counter,
               "Of the sent frames, those that the kernel carried by itself.",
               [](const PortSnapshot& port) {
                 return port.kernel ? ToDouble(port.kernel->sent.frames) : 0.0;
               }},
    PortMetric{"tapswitch_port_joined_frames_total", MetricType::Counter,
               "Frames that left by the port as part of a larger one (GRO, see --gro), into which "
               "those of a flow are joined that come together.",
               [](const PortSnapshot& port) { return ToDouble(port.counters.joined.frames); }},
    PortMetric{"tapswitch_port_joined_into_frames_total", MetricType::Counter,
               "Larger frames that others were joined into; each counts as one of the sent frames. "
               "tapswitch_port_joined_frames_total divided by this is how many make one.",
               [](const PortSnapshot& port) { return ToDouble(port.counters.joined.into); }},
    PortMetric{"tapswitch_port_link_up", MetricType::Gauge,
               "1 while frames can pass the port, else 0: `tapctl port show` gives the reason.",
               [](const PortSnapshot& port) { return port.status.link_up ? 1.0 : 0.0; }},
    PortMetric{"tapswitch_port_mtu_bytes", MetricType::Gauge,
               "Longest payload that can be sent by the port. When frames are dropped as too_long, "
               "make it equal on all ports.",
               [](const PortSnapshot& port) { return ToDouble(port.status.mtu); }},
    PortMetric{"tapswitch_port_learned_entries", MetricType::Gauge,
               "Addresses learned at the port. More than there are stations behind it: one of them "
               "makes up addresses; limit what the port may learn.",
               [](const PortSnapshot& port) { return ToDouble(port.learned); }},
};

Labels PortLabels(const std::string& bridge, const PortSnapshot& port) {
  return {{"bridge", bridge}, {"port", LabelText(port.name)}};
}

void AppendPortMetrics(const SwitchSnapshot& snapshot, const std::string& bridge,
                       std::vector<MetricFamily>& families) {
  for (const PortMetric& metric : kPortMetrics) {
    MetricFamily family{
        .name = std::string(metric.name), .help = std::string(metric.help), .type = metric.type};
    for (const PortSnapshot& port : snapshot.ports) {
      Add(family, PortLabels(bridge, port), metric.value(port));
    }
    families.push_back(std::move(family));
  }
}

MetricFamily Descriptions(const SwitchSnapshot& snapshot, const std::string& bridge) {
  MetricFamily family{.name = "tapswitch_port_info",
                      .help =
                          "Always 1; the label says what the port is called by people (tapctl "
                          "port set PORT description TEXT).",
                      .type = MetricType::Gauge};
  for (const PortSnapshot& port : snapshot.ports) {
    Labels labels = PortLabels(bridge, port);
    labels.push_back({"description", LabelText(port.description)});
    Add(family, std::move(labels), 1);
  }
  return family;
}

// One series for each value of the label `label`.
template <size_t kCount, typename Value>
MetricFamily PerPortAnd(const std::string& label,
                        const std::array<std::string_view, kCount>& values,
                        const SwitchSnapshot& snapshot, const std::string& bridge,
                        MetricFamily family, Value value) {
  for (const PortSnapshot& port : snapshot.ports) {
    for (size_t i = 0; i < kCount; ++i) {
      Labels labels = PortLabels(bridge, port);
      labels.push_back({label, std::string(values[i])});
      Add(family, std::move(labels), value(port, i));
    }
  }
  return family;
}

constexpr auto kDropReasonNames = [] {
  std::array<std::string_view, kDropReasonCount> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = kDropReasons[i].name;
  return names;
}();

MetricFamily Drops(const SwitchSnapshot& snapshot, const std::string& bridge) {
  return PerPortAnd(
      "reason", kDropReasonNames, snapshot, bridge,
      {.name = "tapswitch_port_dropped_frames_total",
       .help =
           "Frames that died at the port, by reason. no_memory or write_failed: the receiver "
           "is too slow, or its queue too short (txqueuelen). too_long: MTUs differ. "
           "link_down: bring the interface up. egress_queue_full: the interface "
           "dropped what the kernel carried to it. source_*, runt, bad_offload_header: the station "
           "behind the port sends rubbish. unsupported_offload: it leaves frames uncut that "
           "cannot be "
           "handed on, see tapswitchd(8). Others are policy.",
       .type = MetricType::Counter},
      [](const PortSnapshot& port, size_t reason) {
        return ToDouble(port.counters.drops[reason]);
      });
}

constexpr auto kLearnResultNames = [] {
  std::array<std::string_view, kCountedLearnResults.size()> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = kCountedLearnResults[i].name;
  return names;
}();

MetricFamily Learning(const SwitchSnapshot& snapshot, const std::string& bridge) {
  return PerPortAnd(
      "result", kLearnResultNames, snapshot, bridge,
      {.name = "tapswitch_port_learning_frames_total",
       .help = "Received frames whose source was not known to be behind the port, by what came of "
               "it. moved, when it grows: a loop, or two stations with one address. pinned: the "
               "address is set by hand at another port. local: a station uses the bridge's own "
               "address. limited: fdb_max_learned is reached. no_room: the table is full of "
               "entries set by hand, or the ageing time is 0.",
       .type = MetricType::Counter},
      [](const PortSnapshot& port, size_t result) {
        return ToDouble(port.counters.learned(kCountedLearnResults[result].result));
      });
}

MetricFamily States(const SwitchSnapshot& snapshot, const std::string& bridge) {
  return PerPortAnd(
      "state", kPortStateNames, snapshot, bridge,
      {.name = "tapswitch_port_state",
       .help =
           "1 for the state that the port is in, 0 for the others. Not in forwarding: its link "
           "is down, a guard shut it down, or the state was set by hand (tapctl link set dev PORT "
           "state forwarding).",
       .type = MetricType::Gauge},
      [](const PortSnapshot& port, size_t state) {
        return static_cast<size_t>(port.state) == state ? 1.0 : 0.0;
      });
}

MetricFamily ShutDowns(const SwitchSnapshot& snapshot, const std::string& bridge) {
  return PerPortAnd(
      "cause", kAlarmNames, snapshot, bridge,
      {.name = "tapswitch_port_shut_down",
       .help = "1 while one of its guards keeps the port shut down, by cause: see the log, and "
               "tapctl port recover PORT.",
       .type = MetricType::Gauge},
      [](const PortSnapshot& port, size_t cause) {
        const bool is_cause = port.shut_down && static_cast<size_t>(port.shut_down->cause) == cause;
        return is_cause ? 1.0 : 0.0;
      });
}

MetricFamily Alarms(const SwitchSnapshot& snapshot, const std::string& bridge) {
  return PerPortAnd(
      "alarm", kAlarmNames, snapshot, bridge,
      {.name = "tapswitch_port_alarms_total",
       .help = "Times that a guard of the port found something wrong, once an episode: a storm, "
               "stations beyond the limit (fdb_limit), a station that moves to and fro "
               "(mac_moves), forbidden addresses (spoofing), a loop, an interface that has a "
               "station's address (own_address), or, in the spanning tree, a BPDU (bpdu_guard), "
               "a better root (root_guard), silence (loop_guard), its own BPDU (looped_back), a "
               "neighbour that does not hear it (dispute).",
       .type = MetricType::Counter},
      [](const PortSnapshot& port, size_t alarm) { return ToDouble(port.counters.alarms[alarm]); });
}

MetricFamily StormDrops(const SwitchSnapshot& snapshot, const std::string& bridge) {
  return PerPortAnd(
      "kind", kStormKindNames, snapshot, bridge,
      {.name = "tapswitch_port_storm_dropped_frames_total",
       .help = "Received frames that storm control dropped, by what they are: those of reason "
               "storm. When it grows, find the station or the loop behind the port.",
       .type = MetricType::Counter},
      [](const PortSnapshot& port, size_t kind) { return ToDouble(port.counters.storm[kind]); });
}

// ----- the table ---------------------------------------------------------------------------------

void AppendTableMetrics(const TableSnapshot& table, const Labels& labels,
                        std::vector<MetricFamily>& families) {
  families.push_back(Single(MetricType::Gauge, "tapswitch_fdb_entries",
                            "Entries of the address table, of all kinds.", labels, table.entries));
  families.push_back(
      Single(MetricType::Gauge, "tapswitch_fdb_learned_entries",
             "Entries that were learned. Far from the number of stations: see which port has most "
             "in tapswitch_port_learned_entries.",
             labels, table.learned));
  families.push_back(Single(MetricType::Gauge, "tapswitch_fdb_capacity_entries",
                            "Entries that the address table has room for (--fdb_max).", labels,
                            table.capacity));
  families.push_back(
      Single(MetricType::Counter, "tapswitch_fdb_evicted_entries_total",
             "Learned entries that made room for others in a full table; frames to them are "
             "flooded. When it grows, raise --fdb_max or limit the port that learns most.",
             labels, ToDouble(table.evicted)));
}

void AppendLoopDetectionMetrics(const LoopDetector::Counters& counters, const Labels& labels,
                                std::vector<MetricFamily>& families) {
  families.push_back(Single(MetricType::Counter, "tapswitch_loop_detection_probes_total",
                            "Probes of loop detection that were sent. Stands still while it is off "
                            "(tapctl loop set period 1s).",
                            labels, ToDouble(counters.probes)));
  families.push_back(Single(
      MetricType::Counter, "tapswitch_loop_detection_loops_total",
      "Loops that were found: two ports lead to the same place. See tapctl loop show for the "
      "ports that are blocked, and pull one of the cables.",
      labels, ToDouble(counters.loops)));
}

void AppendNeighbourMetrics(const ProtocolSnapshot& protocols, const Labels& labels,
                            std::vector<MetricFamily>& families) {
  families.push_back(Single(MetricType::Gauge, "tapswitch_neigh_entries",
                            "IP addresses whose station is known. 0 while no port has "
                            "neigh_suppress on.",
                            labels, ToDouble(protocols.neighbour_entries)));
  families.push_back(Single(MetricType::Counter, "tapswitch_neigh_answered_total",
                            "Questions for neighbours (ARP, ND) that the switch answered in their "
                            "name.",
                            labels, ToDouble(protocols.neighbours.answered)));
  families.push_back(
      Single(MetricType::Counter, "tapswitch_neigh_suppressed_total",
             "Questions that ports with neigh_suppress did not see, as the neighbour "
             "is known; answered ones included.",
             labels, ToDouble(protocols.neighbours.spared)));
  families.push_back(Single(MetricType::Counter, "tapswitch_neigh_contested_total",
                            "Claims of an IP address that another station had. When it grows: two "
                            "stations have one address, or one tells lies; tapctl neigh show names "
                            "it.",
                            labels, ToDouble(protocols.neighbours.contested)));
}

void AppendMulticastMetrics(const ProtocolSnapshot& protocols, const Labels& labels,
                            std::vector<MetricFamily>& families) {
  const MulticastSnooping::Counters& counters = protocols.multicast;
  const auto add = [&](MetricType type, std::string name, std::string help, uint64_t value) {
    families.push_back(Single(type, std::move(name), std::move(help), labels, ToDouble(value)));
  };
  uint64_t reports = counters.igmp_leaves + counters.mld_leaves;
  for (const uint64_t count : counters.igmp_reports) reports += count;
  for (const uint64_t count : counters.mld_reports) reports += count;
  uint64_t queries = 0;
  for (const uint64_t count : counters.igmp_queries) queries += count;
  for (const uint64_t count : counters.mld_queries) queries += count;
  add(MetricType::Gauge, "tapswitch_mdb_groups",
      "Multicast groups that somebody has asked for. 0 while mcast_snooping is off.",
      protocols.multicast_groups);
  add(MetricType::Gauge, "tapswitch_mdb_entries",
      "Entries of ports in the table of multicast groups: see tapctl mdb show.",
      protocols.multicast_entries);
  add(MetricType::Gauge, "tapswitch_multicast_deaf_ports",
      "Ports with stations that answer no queries of MLD, to which neighbour discovery is flooded: "
      "see tapctl multicast doctor.",
      protocols.multicast_deaf_ports);
  add(MetricType::Counter, "tapswitch_multicast_reports_total",
      "Reports of membership, and leaves, that were received.", reports);
  add(MetricType::Counter, "tapswitch_multicast_queries_total",
      "Queries for members that were received from others.", queries);
  add(MetricType::Counter, "tapswitch_multicast_sent_queries_total",
      "Queries for members that the bridge sent.",
      counters.sent_igmp_queries + counters.sent_mld_queries);
  add(MetricType::Counter, "tapswitch_multicast_malformed_total",
      "Messages of IGMP and MLD that were not to be believed. When it grows: find who sends them "
      "with tapctl capture.",
      counters.malformed);
  add(MetricType::Counter, "tapswitch_multicast_refused_total",
      "Memberships that found no room, or that a limit refused. When it grows: see tapctl "
      "multicast "
      "doctor.",
      protocols.memberships.refused);
}

// ----- the switch itself -------------------------------------------------------------------------

std::vector<MetricFamily> ProcessMetrics(bool is_up, const Labels& labels,
                                         const MetricsIdentity& identity) {
  Labels with_version = labels;
  with_version.push_back({"version", identity.version});
  std::vector<MetricFamily> families;
  families.push_back(
      Single(MetricType::Gauge, "tapswitch_up",
             "1 when the thread that forwards answered; 0 when it did not in time, and all else is "
             "left out: see the log, then restart the switch.",
             labels, is_up ? 1 : 0));
  families.push_back(Single(MetricType::Gauge, "tapswitch_build_info",
                            "Always 1; the labels say which build runs.", std::move(with_version),
                            1));
  families.push_back(Single(MetricType::Gauge, "tapswitch_start_time_seconds",
                            "When the switch started, in seconds since 1970. A change that nobody "
                            "made by hand is a crash: see the log.",
                            labels, identity.start_time_seconds));
  return families;
}

}  // namespace

std::vector<MetricFamily> MetricFamilies(const SwitchSnapshot& snapshot,
                                         const MetricsIdentity& identity) {
  const std::string bridge = LabelText(identity.bridge);
  const Labels labels{{"bridge", bridge}};
  std::vector<MetricFamily> families = ProcessMetrics(true, labels, identity);
  AppendPortMetrics(snapshot, bridge, families);
  families.push_back(Descriptions(snapshot, bridge));
  families.push_back(Drops(snapshot, bridge));
  families.push_back(Learning(snapshot, bridge));
  families.push_back(States(snapshot, bridge));
  families.push_back(ShutDowns(snapshot, bridge));
  families.push_back(Alarms(snapshot, bridge));
  families.push_back(StormDrops(snapshot, bridge));
  AppendTableMetrics(snapshot.table, labels, families);
  AppendLoopMetrics(snapshot.loop, labels, families);
  AppendWorkerMetrics(snapshot.loops, labels, families);
  AppendLoopDetectionMetrics(snapshot.protocols.loop_detection, labels, families);
  AppendNeighbourMetrics(snapshot.protocols, labels, families);
  AppendMulticastMetrics(snapshot.protocols, labels, families);
  AppendTreeMetrics(snapshot, bridge, families);
  AppendVniMetrics(snapshot, bridge, families);
  return families;
}

std::vector<MetricFamily> MetricFamiliesOfUnresponsive(const MetricsIdentity& identity) {
  return ProcessMetrics(false, {{"bridge", LabelText(identity.bridge)}}, identity);
}

}  // namespace tapswitch
