#include "switch/control/adopt/adoption_plan.h"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "spdlog/fmt/fmt.h"
#include "spdlog/fmt/ranges.h"
#include "switch/control/commands/quoting.h"

namespace tapswitch {
namespace {

constexpr uint32_t kForwarding = 3;  // BR_STATE_FORWARDING
constexpr uint32_t kServiceVlan = 0x88A8;

// Flags of a port that the switch has, too, and their values on a new port.
struct PortFlag {
  std::string_view name;
  bool is_usual;
};
constexpr std::array kKnownFlags{
    PortFlag{"learning", true},          PortFlag{"flood", true},
    PortFlag{"mcast_flood", true},       PortFlag{"bcast_flood", true},
    PortFlag{"hairpin", false},          PortFlag{"isolated", false},
    PortFlag{"locked", false},           PortFlag{"mab", false},
    PortFlag{"neigh_suppress", false},   PortFlag{"fastleave", false},
    PortFlag{"mcast_to_unicast", false},
};

// Settings that the switch does not have, and what follows for the port that has them.
struct UnknownSetting {
  std::string_view name;
  std::string_view effect;
};
constexpr std::array kUnknownSettings{
    UnknownSetting{"proxy_arp", "stations answer ARP themselves"},
    UnknownSetting{"proxy_arp_wifi", "stations answer ARP themselves"},
    UnknownSetting{"backup_port", "frames are not redirected when it has no carrier"},
    UnknownSetting{"neigh_vlan_suppress", "neigh_suppress is for all VLANs of a port"},
};

std::string_view OnOff(bool on) { return on ? "on" : "off"; }

// The end of the range of VLANs that begins at `first`: they differ in their number only.
size_t EndOfRange(const std::vector<LinuxBridgeVlan>& vlans, size_t first) {
  size_t end = first + 1;
  while (end < vlans.size() && !vlans[first].pvid && !vlans[end].pvid &&
         vlans[end].untagged == vlans[first].untagged && vlans[end].vid == vlans[end - 1].vid + 1) {
    ++end;
  }
  return end;
}

// The words that make a port a member of exactly these VLANs. Some kernels' bridges have none.
std::string VlanWords(const LinuxBridge& bridge, const std::vector<LinuxBridgeVlan>& vlans) {
  if (!bridge.settings.contains("vlan_default_pvid")) return "";
  std::string words;
  for (size_t first = 0; first < vlans.size();) {
    const size_t end = EndOfRange(vlans, first);
    const LinuxBridgeVlan& vlan = vlans[first];
    words += fmt::format(" vlan {}", vlan.vid);
    if (end - first > 1) words += fmt::format("-{}", vlans[end - 1].vid);
    if (vlan.pvid) words += " pvid";
    if (vlan.untagged) words += " untagged";
    first = end;
  }
  return words.empty() ? " vlan none" : words;
}

std::string BridgeCommand(const LinuxBridge& bridge) {
  constexpr uint32_t kMillisecondsPerUnit = 10;
  const LinuxBridgeSettings& settings = bridge.settings;
  return fmt::format(
      "bridge set ageing_time {}ms vlan_filtering {} vlan_protocol {} default_pvid {} "
      "group_fwd_mask 0x{:x} fdb_max_learned {}",
      uint64_t{SettingOr(settings, "ageing_time", 30000)} * kMillisecondsPerUnit,
      OnOff(SettingOr(settings, "vlan_filtering", 0) != 0),
      SettingOr(settings, "vlan_protocol", 0) == kServiceVlan ? "802.1ad" : "802.1Q",
      SettingOr(settings, "vlan_default_pvid", 1), SettingOr(settings, "group_fwd_mask", 0),
      SettingOr(settings, "fdb_max_learned", 0));
}

std::string PortCommand(const LinuxBridge& bridge, const LinuxBridgePort& port) {
  std::string command = fmt::format("port add {}", Quoted("netdev:" + port.name));
  for (const PortFlag& flag : kKnownFlags) {
    const bool on = SettingOr(port.settings, flag.name, flag.is_usual ? 1 : 0) != 0;
    if (on != flag.is_usual) command += fmt::format(" {} {}", flag.name, OnOff(on));
  }
  if (const uint32_t mask = SettingOr(port.settings, "group_fwd_mask", 0); mask != 0) {
    command += fmt::format(" group_fwd_mask 0x{:x}", mask);
  }
  if (const uint32_t most = SettingOr(port.settings, "mcast_max_groups", 0); most != 0) {
    command += fmt::format(" mcast_max_groups {}", most);
  }
  command += fmt::format(" priority {}", std::min(SettingOr(port.settings, "priority", 32), 63U));
  // Without carrier a port of the kernel is disabled by that alone.
  const uint32_t state = SettingOr(port.settings, "state", kForwarding);
  if (port.carrier && state != kForwarding) command += fmt::format(" state {}", state);
  return command + VlanWords(bridge, port.vlans);
}

std::string UplinkCommand(const LinuxBridge& bridge, const std::string& uplink) {
  return fmt::format("port add {} description {}{}",
                     Quoted(fmt::format("tap:{},persist,up=off,mtu={}", uplink, bridge.mtu)),
                     Quoted("this host, by " + bridge.name), VlanWords(bridge, bridge.vlans));
}

// The address of a port's own interface comes with the port.
bool IsOwnAddress(const LinuxBridge& bridge, const LinuxBridgeEntry& entry) {
  if (entry.state != LinuxEntryState::kPermanent) return false;
  return std::any_of(bridge.ports.begin(), bridge.ports.end(), [&](const LinuxBridgePort& port) {
    return port.name == entry.port && port.address == entry.address;
  });
}

std::string EntryCommand(const LinuxBridgeEntry& entry, const std::string& dev,
                         std::string_view state) {
  const std::string vlan = entry.vlan == 0 ? "" : fmt::format(" vlan {}", entry.vlan);
  return fmt::format("fdb replace {} dev {}{} {}{}{}", entry.address.ToString(), Quoted(dev), vlan,
                     state, entry.sticky ? " sticky" : "",
                     entry.extern_learn ? " extern_learn" : "");
}

// A permanent entry of the bridge device is an address of the host, which is behind the uplink.
void AddEntries(const LinuxBridge& bridge, const std::string& uplink,
                std::vector<std::string>& commands) {
  const bool filters = SettingOr(bridge.settings, "vlan_filtering", 0) != 0;
  if (!filters || !bridge.vlans.empty()) {
    commands.push_back(EntryCommand({.address = bridge.address, .port = {}}, uplink, "static"));
  }
  for (const LinuxBridgeEntry& entry : bridge.entries) {
    const bool ages = entry.state == LinuxEntryState::kLearned && !entry.extern_learn;
    if (ages || IsOwnAddress(bridge, entry)) continue;
    const bool is_host = entry.port == bridge.name;
    if (is_host && entry.address == bridge.address) continue;
    const bool is_permanent = entry.state == LinuxEntryState::kPermanent && !is_host;
    const std::string_view state = entry.state == LinuxEntryState::kLearned ? "dynamic"
                                   : is_permanent                           ? "permanent"
                                                                            : "static";
    commands.push_back(EntryCommand(entry, is_host ? uplink : entry.port, state));
  }
}

void AddBridgeLosses(const LinuxBridge& bridge, AdoptionPlan& plan) {
  const LinuxBridgeSettings& settings = bridge.settings;
  if (SettingOr(settings, "mcast_snooping", 0) != 0) {
    plan.lost.push_back(
        fmt::format("multicast snooping: multicast goes to all ports{} (tapctl bridge set "
                    "mcast_snooping on)",
                    bridge.groups.empty()
                        ? ""
                        : fmt::format(", also that of {} known groups", bridge.groups.size())));
  }
  for (const std::string_view name :
       {"nf_call_iptables", "nf_call_ip6tables", "nf_call_arptables"}) {
    if (SettingOr(settings, name, 0) == 0) continue;
    plan.lost.push_back(
        fmt::format("{}: rules of the host do not see frames between ports (tapctl help security "
                    "says what the switch can filter)",
                    name));
  }
  if (!bridge.rule_tables.empty()) {
    plan.lost.push_back(fmt::format(
        "nftables of family bridge ({}): their rules see frames of the host only, and none between "
        "ports (nft list ruleset bridge)",
        fmt::join(bridge.rule_tables, ", ")));
  }
  if (SettingOr(settings, "stp_state", 0) != 0) {
    plan.refused.push_back(fmt::format(
        "a spanning tree runs on {0}, and the switch has none: where there is no loop, turn it off "
        "first: ip link set dev {0} type bridge stp_state 0",
        bridge.name));
  }
}

void AddPortLosses(const LinuxBridgePort& port, AdoptionPlan& plan) {
  for (const UnknownSetting& setting : kUnknownSettings) {
    if (SettingOr(port.settings, setting.name, 0) == 0) continue;
    plan.lost.push_back(fmt::format("{} {}: {}", port.name, setting.name, setting.effect));
  }
  if (SettingOr(port.settings, "vlan_tunnel", 0) != 0) {
    plan.refused.push_back(fmt::format(
        "{0} maps VLANs to tunnels (vlan_tunnel), which the switch cannot: take it out first: ip "
        "link set dev {0} nomaster",
        port.name));
  }
  if (port.name.find(',') != std::string::npos) {
    plan.refused.push_back(fmt::format(
        "a port cannot have a name with a comma: rename it first: ip link set dev '{}' name NAME",
        port.name));
  }
}

}  // namespace

std::string UplinkName(const std::string& bridge) {
  constexpr std::string_view kEnding = "-tap";
  return bridge.substr(0, IFNAMSIZ - 1 - kEnding.size()) + std::string(kEnding);
}

AdoptionPlan PlanAdoption(const LinuxBridge& bridge, const std::string& uplink) {
  AdoptionPlan plan;
  plan.commands.push_back(BridgeCommand(bridge));
  plan.commands.push_back(UplinkCommand(bridge, uplink));
  for (const LinuxBridgePort& port : bridge.ports) {
    plan.commands.push_back(PortCommand(bridge, port));
  }
  AddEntries(bridge, uplink, plan.commands);
  AddBridgeLosses(bridge, plan);
  for (const LinuxBridgePort& port : bridge.ports) AddPortLosses(port, plan);
  return plan;
}

}  // namespace tapswitch
