#include "switch/control/methods/multicast/multicast_doctor.h"

#include <algorithm>

#include "spdlog/fmt/fmt.h"
#include "switch/control/config/ip_text.h"
#include "switch/control/methods/multicast/mdb_json.h"

namespace tapswitch {
namespace {

using Findings = std::vector<MulticastFinding>;

std::string VlanText(VlanId vlan) {
  return vlan == kNoVlan ? "" : fmt::format("VLAN {}", vlan.value);
}

std::string_view FamilyText(bool is_v4) { return is_v4 ? "IGMP" : "MLD"; }

std::string SetOf(const BridgeControl& control, VlanId vlan) {
  return control.config().bridge.multicast.vlan_snooping && vlan != kNoVlan
             ? fmt::format("tapctl vlan global set vid {}", vlan.value)
             : "tapctl bridge set";
}

void TellOfQueriers(const BridgeControl& control, const SnoopedStatus& status, Findings& findings) {
  const Tick now = control.now();
  const bool is_other_alive = status.other.is_alive(now);
  const auto name = [&](PortId port) { return control.NameOf(port); };
  if (!status.asks && !is_other_alive) {
    findings.push_back({"no_querier", VlanText(status.vlan),
                        fmt::format("nobody asks hosts for their groups ({}): all multicasts are "
                                    "flooded",
                                    FamilyText(status.is_v4)),
                        SetOf(control, status.vlan) + " mcast_querier on"});
  }
  const HeardQuerier& rival = status.rival;
  if (rival.is_alive(now) && rival.first_heard < rival.last_heard) {
    const std::string first =
        is_other_alive
            ? fmt::format("{} at {}", IpAddressText(status.other.address), name(status.other.port))
            : fmt::format("{} itself", control.identity().name);
    findings.push_back(
        {"two_queriers", VlanText(status.vlan),
         fmt::format("{} and {} at {} both ask ({}), though one should be elected", first,
                     IpAddressText(rival.address), name(rival.port), FamilyText(status.is_v4)),
         "switch one of them off, or see why it does not hear the other"});
  }
  const bool mismatches = is_other_alive && status.other.version != status.version;
  if (!mismatches) return;
  findings.push_back(
      {"version_mismatch", VlanText(status.vlan),
       fmt::format("the querier {} at {} speaks {}v{}, this bridge {}v{}",
                   IpAddressText(status.other.address), name(status.other.port),
                   FamilyText(status.is_v4), status.other.version, FamilyText(status.is_v4),
                   status.version),
       fmt::format("{} {} {}, or the same at the querier", SetOf(control, status.vlan),
                   status.is_v4 ? "mcast_igmp_version" : "mcast_mld_version",
                   status.other.version)});
}

void TellOfPorts(const BridgeControl& control, const BridgeControl::MulticastStatus& status,
                 Findings& findings) {
  status.deaf.ForEach([&](PortId port) {
    findings.push_back(
        {"deaf_port", control.NameOf(port),
         "stations behind it answer no queries of MLD: neighbour discovery is flooded to it",
         "nothing is lost; let their firewalls pass ICMPv6 type 130 to spare the frames"});
  });
  status.flooded.ForEach([&](PortId port) {
    findings.push_back({"flooded_port", control.NameOf(port),
                        "memberships of it found no room, so all multicasts are flooded to it",
                        "tapctl bridge set mcast_hash_max N, or find who joins so many groups"});
  });
  for (const auto& [port, count] : status.refused) {
    if (status.flooded.contains(port)) continue;
    findings.push_back(
        {"filtered_port", control.NameOf(port),
         fmt::format("{} memberships were refused: the port has reached "
                     "mcast_max_groups, and hosts get no frames of these groups",
                     count),
         fmt::format("tapctl link set dev {} mcast_max_groups N", control.NameOf(port))});
  }
}

// Of the last few minutes.
void TellOfSenders(const BridgeControl& control, const BridgeControl::MulticastStatus& status,
                   Findings& findings) {
  constexpr Ticks kRecent{30000};
  for (const UnwantedSender& sender : status.unwanted) {
    if (sender.last_seen + kRecent < control.now()) continue;
    const std::string from =
        sender.source == IpAddress() ? "a station" : IpAddressText(sender.source);
    findings.push_back(
        {"sender_without_member", control.NameOf(sender.port),
         fmt::format("{} sends to {}{}, which nobody has asked for", from,
                     GroupText(sender.key.group),
                     sender.key.vlan == kNoVlan ? "" : " in " + VlanText(sender.key.vlan)),
         "a receiver that should get it has to join the group, and to answer "
         "queries"});
  }
}

// A port that has joined a group, and that frames cannot leave by.
void TellOfFiltered(const BridgeControl& control, Findings& findings) {
  const SwitchSnapshot snapshot = control.Snapshot();
  for (const PortSnapshot& port : snapshot.ports) {
    if (port.mcast_groups == 0 || port.state == PortState::kForwarding) continue;
    findings.push_back(
        {"filtered_port", port.name,
         fmt::format("it has joined groups, but its state is {}", NameOf(port.state)),
         fmt::format("tapctl link set dev {} state forwarding", port.name)});
  }
}

}  // namespace

Findings DiagnoseMulticast(const BridgeControl& control) {
  Findings findings;
  if (!control.config().bridge.multicast.snooping) {
    findings.push_back({"not_snooped", "",
                        "memberships are not snooped: all multicasts are flooded",
                        "tapctl bridge set mcast_snooping on mcast_querier on"});
    return findings;
  }
  const auto status = control.Multicast();
  for (const SnoopedStatus& one : status.vlans) TellOfQueriers(control, one, findings);
  TellOfPorts(control, status, findings);
  TellOfSenders(control, status, findings);
  TellOfFiltered(control, findings);
  return findings;
}

}  // namespace tapswitch
