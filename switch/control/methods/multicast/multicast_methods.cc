// Methods about multicast snooping as a whole.

#include <array>
#include <string>
#include <utility>

#include "switch/control/commands/duration.h"
#include "switch/control/config/ip_text.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/multicast/multicast_doctor.h"
#include "switch/control/methods/param_reader.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

ordered_json ShowPorts(const BridgeControl& control, const PortSet& ports) {
  auto list = ordered_json::array();
  ports.ForEach([&](PortId port) { list.push_back(control.NameOf(port)); });
  return list;
}

ordered_json ShowStatus(const BridgeControl& control, const SnoopedStatus& status) {
  const Tick now = control.now();
  ordered_json shown{{"family", status.is_v4 ? "igmp" : "mld"}};
  if (status.vlan != kNoVlan) shown["vlan"] = status.vlan.value;
  shown["active"] = status.is_active;
  shown["version"] = status.version;
  if (status.asks) {
    shown["querier"] = control.identity().name;
    shown["address"] = IpAddressText(status.own);
  } else if (status.other.is_alive(now)) {
    shown["querier"] = control.NameOf(status.other.port);
    shown["address"] = IpAddressText(status.other.address);
    shown["querier_version"] = status.other.version;
    shown["age"] = SecondsUntil(now, status.other.last_heard);
    shown["expires"] = SecondsUntil(status.other.until, now);
  }
  shown["routers"] = ShowPorts(control, status.routers);
  return shown;
}

ordered_json ShowCounters(const ProtocolSnapshot& protocols) {
  const MulticastSnooping::Counters& counters = protocols.multicast;
  return {{"igmp_queries",
           {{"rx_v1", counters.igmp_queries[1]},
            {"rx_v2", counters.igmp_queries[2]},
            {"rx_v3", counters.igmp_queries[3]},
            {"tx", counters.sent_igmp_queries}}},
          {"igmp_reports",
           {{"rx_v1", counters.igmp_reports[1]},
            {"rx_v2", counters.igmp_reports[2]},
            {"rx_v3", counters.igmp_reports[3]}}},
          {"igmp_leaves", {{"rx", counters.igmp_leaves}}},
          {"mld_queries",
           {{"rx_v1", counters.mld_queries[1]},
            {"rx_v2", counters.mld_queries[2]},
            {"tx", counters.sent_mld_queries}}},
          {"mld_reports", {{"rx_v1", counters.mld_reports[1]}, {"rx_v2", counters.mld_reports[2]}}},
          {"mld_leaves", {{"rx", counters.mld_leaves}}},
          {"routers", {{"rx", counters.routers}}},
          {"errors",
           {{"malformed", counters.malformed},
            {"refused", protocols.memberships.refused},
            {"too_many", protocols.memberships.too_many}}}};
}

MethodResult ListMulticast(const MethodContext& context, const MethodCall& call) {
  if (absl::Status read = ParamReader(call.params).Finish(); !read.ok()) return read;
  const BridgeControl& control = context.control;
  const auto status = control.Multicast();
  const ProtocolSnapshot protocols = control.Snapshot().protocols;
  auto vlans = ordered_json::array();
  for (const SnoopedStatus& one : status.vlans) vlans.push_back(ShowStatus(control, one));
  return ordered_json::array({{{"ifname", control.identity().name},
                               {"mcast_snooping", control.config().bridge.multicast.snooping},
                               {"groups", protocols.multicast_groups},
                               {"entries", protocols.multicast_entries},
                               {"queriers", std::move(vlans)},
                               {"deaf", ShowPorts(control, status.deaf)},
                               {"flooded", ShowPorts(control, status.flooded)},
                               {"counters", ShowCounters(protocols)}}});
}

MethodResult Diagnose(const MethodContext& context, const MethodCall& call) {
  if (absl::Status read = ParamReader(call.params).Finish(); !read.ok()) return read;
  auto list = ordered_json::array();
  for (const MulticastFinding& finding : DiagnoseMulticast(context.control)) {
    ordered_json shown{{"problem", finding.problem}};
    if (!finding.where.empty()) shown["where"] = finding.where;
    shown["text"] = finding.text;
    shown["cure"] = finding.cure;
    list.push_back(std::move(shown));
  }
  return list;
}

constexpr std::array kMulticastMethods{
    Method{"multicast.list", MethodKind::kReads, ListMulticast},
    Method{"multicast.doctor", MethodKind::kReads, Diagnose},
};

}  // namespace

std::span<const Method> MulticastMethods() { return kMulticastMethods; }

}  // namespace tapswitch
