#include "switch/control/methods/files/save.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <span>
#include <tuple>

#include "ports/port_spec.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/fmt/ranges.h"
#include "switch/control/commands/duration.h"
#include "switch/control/commands/quoting.h"
#include "switch/control/config/guard_settings.h"
#include "switch/control/config/impairment_words.h"
#include "switch/control/config/multicast_config.h"
#include "switch/control/config/port_words.h"
#include "switch/control/config/vlan_edit.h"
#include "switch/control/methods/files/save_entries.h"
#include "switch/control/methods/files/save_groups.h"
#include "switch/control/methods/files/save_neighbours.h"

namespace tapswitch {
namespace {

// The words of `vlan set` that turn one of them into the other; empty if they are equal.
std::string Words(const VlanForwarding& exception, const VlanForwarding& from) {
  std::string words;
  if (exception.state != from.state) words += fmt::format(" state {}", NameOf(exception.state));
  const auto flag = [&](std::string_view name, bool VlanForwarding::*field) {
    if (exception.*field == from.*field) return;
    words += fmt::format(" {} {}", name, exception.*field ? "on" : "off");
  };
  flag("learning", &VlanForwarding::learning);
  flag("flood", &VlanForwarding::flood);
  flag("mcast_flood", &VlanForwarding::mcast_flood);
  flag("bcast_flood", &VlanForwarding::bcast_flood);
  if (exception.mcast_router != from.mcast_router) {
    words += fmt::format(" mcast_router {}", exception.mcast_router);
  }
  if (exception.mcast_max_groups != from.mcast_max_groups) {
    words += fmt::format(" mcast_max_groups {}", exception.mcast_max_groups);
  }
  return words;
}

VlanForwarding ExceptionOf(VlanId vlan, const PortVlans& vlans) {
  for (const VlanForwarding& exception : vlans.exceptions) {
    if (exception.vlan == vlan) return exception;
  }
  return {.vlan = vlan};
}

// The members of `to` that are no members of `from`, or other ones.
PortVlans Changed(const PortVlans& from, const PortVlans& to) {
  PortVlans changed{.members = {}, .untagged = to.untagged, .pvid = to.pvid};
  to.members.ForEach([&](VlanId vlan) {
    const bool is_same = from.members.contains(vlan) &&
                         from.untagged.contains(vlan) == to.untagged.contains(vlan) &&
                         (from.pvid == vlan) == (to.pvid == vlan);
    if (!is_same) changed.members.insert(vlan);
  });
  return changed;
}

// The commands that turn the VLANs `from` of a port into `to`.
void SaveVlans(const std::string& dev, const PortVlans& from, const PortVlans& to,
               std::vector<std::string>& lines) {
  if (from == to) return;
  PortVlans gone = from;
  gone.members -= to.members;
  for (const VlanRange range : RangesOf(gone)) {
    lines.push_back(fmt::format("vlan del vid {} dev {}", RangeText(range), dev));
  }
  const PortVlans changed = Changed(from, to);
  for (const VlanRange range : RangesOf(changed)) {
    lines.push_back(fmt::format("vlan add vid {} dev {}{}{}", RangeText(range), dev,
                                range.first == to.pvid ? " pvid" : "",
                                to.untagged.contains(range.first) ? " untagged" : ""));
  }
  VlanSet excepted;
  for (const VlanForwarding& exception : from.exceptions) excepted.insert(exception.vlan);
  for (const VlanForwarding& exception : to.exceptions) excepted.insert(exception.vlan);
  excepted.ForEach([&](VlanId vlan) {
    if (!to.members.contains(vlan)) return;
    const bool stays = from.members.contains(vlan);
    const std::string words = Words(ExceptionOf(vlan, to),
                                    stays ? ExceptionOf(vlan, from) : VlanForwarding{.vlan = vlan});
    if (!words.empty()) {
      lines.push_back(fmt::format("vlan set vid {} dev {}{}", vlan.value, dev, words));
    }
  });
}

void SaveLoopDetection(const LoopDetection& from, const LoopDetection& to,
                       std::vector<std::string>& lines) {
  if (from == to) return;
  const auto span = [](Ticks ticks) { return ticks == Ticks{0} ? "off" : DurationText(ticks); };
  lines.push_back(fmt::format("loop set period {} action {} recovery {}", span(to.period),
                              to.action == LoopDetection::Action::kBlock ? "block" : "log",
                              span(to.recovery)));
}

std::span<const AllowedStation> StationsOf(const PortSettings& settings) {
  const AllowListPointer& list = settings.security.allowed;
  return list == nullptr ? std::span<const AllowedStation>() : list->stations();
}

bool Has(std::span<const AllowedStation> stations, const AllowedStation& station) {
  return std::find(stations.begin(), stations.end(), station) != stations.end();
}

void SaveStations(const std::string& name, const PortSettings& from, const PortSettings& to,
                  std::vector<std::string>& lines) {
  const auto before = StationsOf(from);
  const auto after = StationsOf(to);
  if (after.empty() && !before.empty()) {
    lines.push_back(fmt::format("security disallow all dev {}", name));
    return;
  }
  const auto is_allowed = [&](MacAddress address) {
    return std::any_of(after.begin(), after.end(),
                       [&](const AllowedStation& station) { return station.address == address; });
  };
  // Additions first: a list that was empty in between would allow anybody.
  for (const AllowedStation& station : after) {
    if (Has(before, station)) continue;
    lines.push_back(fmt::format("security allow {} dev {}", AllowedStationText(station), name));
  }
  for (const AllowedStation& station : before) {
    if (is_allowed(station.address)) continue;
    lines.push_back(fmt::format("security disallow {} dev {}", station.address.ToString(), name));
  }
}

void SaveCarrier(const std::string& name, const PortSettings& from, const PortSettings& to,
                 std::vector<std::string>& lines) {
  if (from.carrier == to.carrier && from.guest == to.guest) return;
  std::string line = fmt::format("link carrier dev {} {}", name, to.carrier ? "on" : "off");
  if (to.guest && from.guest != to.guest) {
    line += fmt::format(" qmp {} id {}", Quoted(to.guest->socket), to.guest->id);
  } else if (from.guest && !to.guest) {
    line += " qmp off";
  }
  lines.push_back(std::move(line));
}

// The commands that turn the settings `from` of a port into `to`.
void SaveSettings(const std::string& name, const PortSettings& from, const PortSettings& to,
                  std::vector<std::string>& lines) {
  const std::string words = PortSettingsAsWords(to, from);
  if (!words.empty()) lines.push_back("link set dev " + name + words);
  SaveVlans(name, from.vlans, to.vlans, lines);
  const PortSettings base = WithProfileOf(to, from);
  const std::string storm = StormSettingsAsWords(to.storm, base.storm);
  if (!storm.empty()) lines.push_back("storm set dev " + name + storm);
  const std::string security = SecuritySettingsAsWords(to, base);
  if (!security.empty()) lines.push_back("security set dev " + name + security);
  SaveStations(name, from, to, lines);
  SaveImpairments(name, from.impairments, to.impairments, lines);
  SaveCarrier(name, from, to, lines);
  if (to.description != from.description) {
    lines.push_back(fmt::format("port set {} description {}", name, Quoted(to.description)));
  }
}

// The settings that a port has which `evpn add` adds.
PortSettings SettingsOfVni(const EvpnConfig& vni, const BridgeSettings& bridge) {
  PortSettings settings = NewPort({}, bridge).settings;
  settings.learning = false;
  if (vni.vlan != kNoVlan) settings.vlans = OnlyPvid(vni.vlan);
  return settings;
}

bool HasVni(const BridgeConfig& config, const EvpnConfig& vni) {
  return std::find(config.evpn.begin(), config.evpn.end(), vni) != config.evpn.end();
}

// The VNIs whose ports are added before are added behind all ports.
void SaveVnis(const BridgeConfig& before, const BridgeConfig& after,
              std::vector<std::string>& lines) {
  for (const EvpnConfig& vni : after.evpn) {
    const bool is_there = HasVni(before, vni) && IsKept(before.port(vni.dev), *after.port(vni.dev));
    if (!vni.adds_port && !is_there) lines.push_back("evpn add " + EvpnWords(vni));
  }
}

// The settings of a port are in the line that adds it, so that it is never open without them. Only
// what restricts it within its VLANs comes after that.
void SaveNewPort(const PortConfig& port, const BridgeConfig& config,
                 std::vector<std::string>& lines) {
  const std::string name = Quoted(port.spec.name);
  const BridgeSettings& bridge = config.bridge;
  const EvpnConfig* const vni = FindVniOf(config.evpn, port.spec.name);
  if (vni != nullptr && vni->adds_port) {
    lines.push_back("evpn add " + EvpnWords(*vni));
    return SaveSettings(name, SettingsOfVni(*vni, bridge), port.settings, lines);
  }
  lines.push_back("port add " + Quoted(SpecText(port.spec)) +
                  PortWordsOf(port.settings, NewPort({}, bridge).settings.vlans));
  const Ticks recovery = port.settings.security.recovery;
  if (recovery != port.settings.storm.recovery) {  // one word sets both
    lines.push_back(fmt::format("security set dev {} recovery {}", name, DurationText(recovery)));
  }
  PortVlans members = port.settings.vlans;
  members.exceptions.clear();
  SaveVlans(name, members, port.settings.vlans, lines);
  SaveImpairments(name, {}, port.settings.impairments, lines);
  SaveCarrier(name, {}, port.settings, lines);
}

// The settings of the bridge, each as the words that set it.
std::vector<std::string> WordsOf(const BridgeSettings& bridge) {
  const BridgeForwarding& forwarding = bridge.forwarding;
  return {" ageing_time " + DurationText(bridge.ageing),
          fmt::format(" fdb_max_learned {}", bridge.fdb_max_learned),
          fmt::format(" vlan_filtering {}", forwarding.vlan_filtering ? "on" : "off"),
          fmt::format(" vlan_protocol {}", NameOfVlanProtocol(forwarding.vlan_protocol)),
          fmt::format(" default_pvid {}", bridge.default_pvid.value),
          " group_fwd_mask " + MaskText(forwarding.group_fwd_mask),
          fmt::format(" stp_state {}", bridge.tree.is_on ? "on" : "off"),
          fmt::format(" stp_mode {}", NameOf(bridge.tree.mode)),
          fmt::format(" priority {}", bridge.tree.priority),
          " hello_time " + DurationText(bridge.tree.hello_time),
          " max_age " + DurationText(bridge.tree.max_age),
          " forward_delay " + DurationText(bridge.tree.forward_delay),
          fmt::format(" tx_hold_count {}", bridge.tree.tx_hold_count)};
}

// Those of `to` that `from` has not; empty if they are equal.
std::string BridgeWords(const BridgeSettings& from, const BridgeSettings& to) {
  const std::vector<std::string> before = WordsOf(from);
  const std::vector<std::string> after = WordsOf(to);
  std::string words;
  for (size_t i = 0; i < after.size(); ++i) {
    if (after[i] != before[i]) words += after[i];
  }
  return words;
}

// The commands that turn the settings `from` of multicast snooping into `to`.
void SaveMulticast(const MulticastSettings& from, const MulticastSettings& to,
                   std::vector<std::string>& lines) {
  const std::string words = MulticastAsWords(to, from);
  if (!words.empty()) lines.push_back("bridge set" + words);
  const auto of = [](const MulticastSettings& settings, VlanId vlan) {
    const auto found = settings.vlans.find(vlan);
    return found == settings.vlans.end() ? VlanMulticast() : found->second;
  };
  std::set<VlanId> vlans;
  for (const auto& [vlan, unused] : from.vlans) vlans.insert(vlan);
  for (const auto& [vlan, unused] : to.vlans) vlans.insert(vlan);
  for (const VlanId vlan : vlans) {
    const std::string own = VlanMulticastAsWords(of(to, vlan), of(from, vlan));
    if (!own.empty()) lines.push_back(fmt::format("vlan global set vid {}{}", vlan.value, own));
  }
}

bool HasMirror(const BridgeConfig& config, const MirrorConfig& mirror) {
  return std::find(config.mirrors.begin(), config.mirrors.end(), mirror) != config.mirrors.end();
}

// Whether a mirror is in both, and all its ports are: it goes with a port that is made anew.
bool IsMirrorKept(const BridgeConfig& before, const BridgeConfig& after,
                  const MirrorConfig& mirror) {
  if (!HasMirror(before, mirror) || !HasMirror(after, mirror)) return false;
  const auto is_kept = [&](const std::string& name) {
    const PortConfig* const port = after.port(name);
    return port != nullptr && IsKept(before.port(name), *port);
  };
  return is_kept(mirror.destination) &&
         std::all_of(mirror.ports.begin(), mirror.ports.end(), is_kept);
}

// Whether a port is removed and added because its VNI is another one.
bool IsMadeAnew(const BridgeConfig& before, const BridgeConfig& after, const PortConfig& port) {
  const EvpnConfig* const old = FindVniOf(before.evpn, port.spec.name);
  const EvpnConfig* const now = FindVniOf(after.evpn, port.spec.name);
  const bool was_part = old != nullptr && old->adds_port;
  const bool is_part = now != nullptr && now->adds_port;
  return (was_part || is_part) && !(old != nullptr && now != nullptr && *old == *now);
}

void RemoveWhatIsGone(const BridgeConfig& before, const BridgeConfig& after,
                      std::vector<std::string>& lines) {
  for (const MirrorConfig& mirror : before.mirrors) {
    if (!IsMirrorKept(before, after, mirror)) lines.push_back("mirror del " + mirror.name);
  }
  for (const EvpnConfig& vni : before.evpn) {
    const PortConfig* const other = after.port(vni.dev);
    const bool is_kept = HasVni(after, vni) && IsKept(other, *before.port(vni.dev));
    if (!is_kept) lines.push_back(fmt::format("evpn del vni {}", vni.vni));
  }
  for (const PortConfig& port : before.ports) {
    const EvpnConfig* const vni = FindVniOf(before.evpn, port.spec.name);
    if (vni != nullptr && vni->adds_port) continue;  // it goes with that
    const PortConfig* const other = after.port(port.spec.name);
    const bool is_left_alone = port.ephemeral && other != nullptr;
    if (!is_left_alone && !IsKept(other, port)) {
      lines.push_back("port del " + Quoted(port.spec.name));
    }
  }
}

// The bridge's own settings. A new default PVID reaches ports, so `before` follows.
void SaveBridge(const std::string& name, BridgeConfig& before, const BridgeConfig& after,
                std::vector<std::string>& lines) {
  const std::string words = BridgeWords(before.bridge, after.bridge);
  if (!words.empty()) lines.push_back("bridge set" + words);
  const VlanId pvid = before.bridge.default_pvid;
  ChangeDefaultPvid(pvid, after.bridge.default_pvid, before.bridge.vlans);
  for (PortConfig& port : before.ports) {
    ChangeDefaultPvid(pvid, after.bridge.default_pvid, port.settings.vlans);
  }
  SaveVlans(name, before.bridge.vlans, after.bridge.vlans, lines);
  SaveLoopDetection(before.bridge.loop, after.bridge.loop, lines);
  SaveMulticast(before.bridge.multicast, after.bridge.multicast, lines);
}

enum class SavedPorts : uint8_t { kLasting, kAll };

void SavePorts(const BridgeConfig& before, const BridgeConfig& after,
               std::vector<std::string>& lines, SavedPorts which = SavedPorts::kLasting) {
  for (const PortConfig& port : after.ports) {
    if (port.ephemeral && which == SavedPorts::kLasting) continue;
    const PortConfig* const other = before.port(port.spec.name);
    if (IsKept(other, port) && !IsMadeAnew(before, after, port)) {
      SaveSettings(Quoted(port.spec.name), other->settings, port.settings, lines);
    } else {
      SaveNewPort(port, after, lines);
    }
  }
}

std::vector<std::string> SaveConfig(const BridgeControl& control, SavedPorts which) {
  const BridgeConfig& config = control.config();
  std::vector<std::string> lines{
      fmt::format("bridge set{}", fmt::join(WordsOf(config.bridge), ""))};
  SaveVlans(Quoted(control.identity().name), OnlyPvid(config.bridge.default_pvid),
            config.bridge.vlans, lines);
  SaveLoopDetection({}, config.bridge.loop, lines);
  SaveMulticast({}, config.bridge.multicast, lines);
  SavePorts({}, config, lines, which);
  SaveVnis({}, config, lines);
  for (const MirrorConfig& mirror : config.mirrors) {
    lines.push_back("mirror add " + MirrorWords(mirror));
  }
  return lines;
}

}  // namespace

std::vector<std::string> SaveAsCommands(const BridgeControl& control) {
  std::vector<std::string> lines = SaveConfig(control, SavedPorts::kLasting);
  SaveEntries(control, lines);
  SaveGroups(control, lines);
  SaveNeighbours(control, lines);
  return lines;
}

std::vector<std::string> SaveConfigAsCommands(const BridgeControl& control) {
  return SaveConfig(control, SavedPorts::kAll);
}

BridgeDifference CommandsBetween(const BridgeControl& before, const BridgeControl& after) {
  BridgeDifference difference;
  BridgeConfig from = before.config();
  const BridgeConfig& to = after.config();
  RemoveWhatIsGone(from, to, difference.config);
  SaveBridge(Quoted(before.identity().name), from, to, difference.config);
  SavePorts(from, to, difference.config);
  SaveVnis(before.config(), to, difference.config);
  for (const MirrorConfig& mirror : to.mirrors) {
    if (IsMirrorKept(before.config(), to, mirror)) continue;
    difference.config.push_back("mirror add " + MirrorWords(mirror));
  }
  difference.entries = EntryCommandsBetween(before, after);
  for (const auto between : {&GroupCommandsBetween, &NeighbourCommandsBetween}) {
    for (std::string& command : between(before, after)) {
      difference.entries.push_back(std::move(command));
    }
  }
  return difference;
}

}  // namespace tapswitch
