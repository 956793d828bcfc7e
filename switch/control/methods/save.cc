#include "switch/control/methods/save.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <tuple>

#include "ports/port_spec.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/duration.h"
#include "switch/control/commands/quoting.h"
#include "switch/control/config/port_words.h"
#include "switch/control/config/vlan_edit.h"

namespace tapswitch {
namespace {

// An entry in a VLAN that its port has left has no effect, and could not be set. That of an
// interface's address (kAnyVlan) comes with the interface. What is behind ports that come and go
// with their interfaces is no part of it, nor are they.
bool IsSaved(const BridgeControl& control, const MacEntry& entry) {
  if (entry.port == kBridgePort) return false;
  if (entry.state == MacEntryState::kLearned && !entry.extern_learn) return false;
  const PortConfig* const port = control.config().port(control.NameOf(entry.port));
  if (port == nullptr || port->ephemeral) return false;
  return entry.vlan == kNoVlan || port->settings.vlans.members.contains(entry.vlan);
}

std::string VlanWords(const BridgeControl& control, VlanId vlan) {
  const bool filters = control.config().bridge.forwarding.vlan_filtering;
  return vlan == kNoVlan && !filters ? "" : fmt::format(" vlan {}", vlan.value);
}

std::string_view KindOf(const MacEntry& entry) {
  if (entry.extern_learn) return "extern_learn";
  return entry.state == MacEntryState::kStatic ? "static" : "permanent";
}

void SaveEntries(const BridgeControl& control, std::vector<std::string>& lines) {
  std::vector<MacEntry> entries;
  control.VisitEntries([&](std::span<const MacEntry> some) {
    std::copy_if(some.begin(), some.end(), std::back_inserter(entries),
                 [&](const MacEntry& entry) { return IsSaved(control, entry); });
  });
  const auto key = [](const MacEntry& entry) {
    return std::make_tuple(entry.vlan, entry.address, entry.port);
  };
  std::sort(entries.begin(), entries.end(),
            [&](const MacEntry& a, const MacEntry& b) { return key(a) < key(b); });
  const MacEntry* before = nullptr;
  for (const MacEntry& entry : entries) {
    const bool is_further_port =
        before != nullptr && before->vlan == entry.vlan && before->address == entry.address;
    lines.push_back(fmt::format("fdb {} {} dev {}{} {}{}", is_further_port ? "append" : "add",
                                entry.address.ToString(), Quoted(control.NameOf(entry.port)),
                                VlanWords(control, entry.vlan), KindOf(entry),
                                entry.sticky ? " sticky" : ""));
    before = &entry;
  }
}

std::string Words(const VlanForwarding& exception) {
  std::string words;
  if (exception.state != PortState::kForwarding) {
    words += fmt::format(" state {}", NameOf(exception.state));
  }
  if (!exception.learning) words += " learning off";
  if (!exception.flood) words += " flood off";
  if (!exception.mcast_flood) words += " mcast_flood off";
  if (!exception.bcast_flood) words += " bcast_flood off";
  return words;
}

void SaveExceptions(const std::string& dev, const PortVlans& vlans,
                    std::vector<std::string>& lines) {
  for (const VlanForwarding& exception : vlans.exceptions) {
    lines.push_back(
        fmt::format("vlan set vid {} dev {}{}", exception.vlan.value, dev, Words(exception)));
  }
}

// From what the bridge itself has at first to what it has.
void SaveVlans(const std::string& dev, const PortVlans& initial, const PortVlans& vlans,
               std::vector<std::string>& lines) {
  PortVlans gone = initial;
  gone.members -= vlans.members;
  for (const VlanRange range : RangesOf(gone)) {
    lines.push_back(fmt::format("vlan del vid {} dev {}", RangeText(range), dev));
  }
  if (vlans == initial) return;
  for (const VlanRange range : RangesOf(vlans)) {
    const bool is_pvid = range.first == vlans.pvid;
    const bool is_untagged = vlans.untagged.contains(range.first);
    const bool is_as_initial = initial.members.contains(range.first) &&
                               range.first == initial.pvid && is_pvid && is_untagged;
    if (is_as_initial) continue;
    lines.push_back(fmt::format("vlan add vid {} dev {}{}{}", RangeText(range), dev,
                                is_pvid ? " pvid" : "", is_untagged ? " untagged" : ""));
  }
  SaveExceptions(dev, vlans, lines);
}

// Nothing when it is as at first.
std::string LoopDetectionAsCommand(const LoopDetection& loop) {
  if (loop == LoopDetection{}) return "";
  const auto span = [](Ticks ticks) { return ticks == Ticks{0} ? "off" : DurationText(ticks); };
  return fmt::format("loop set period {} action {} recovery {}", span(loop.period),
                     loop.action == LoopDetection::Action::kBlock ? "block" : "log",
                     span(loop.recovery));
}

// The settings of a port are in the line that adds it, so that it is never open without them. Only
// what restricts it within its VLANs comes after that.
void SavePort(const PortConfig& port, const BridgeSettings& bridge,
              std::vector<std::string>& lines) {
  const std::string name = Quoted(port.spec.name);
  const PortSettings initial = NewPort({}, bridge).settings;
  lines.push_back("port add " + Quoted(SpecText(port.spec)) +
                  PortWordsOf(port.settings, initial.vlans));
  const Ticks recovery = port.settings.security.recovery;
  if (recovery != port.settings.storm.recovery) {  // one word sets both
    lines.push_back(fmt::format("security set dev {} recovery {}", name, DurationText(recovery)));
  }
  SaveExceptions(name, port.settings.vlans, lines);
}

}  // namespace

std::vector<std::string> SaveAsCommands(const BridgeControl& control) {
  const BridgeConfig& config = control.config();
  const BridgeSettings& bridge = config.bridge;
  std::vector<std::string> lines;
  lines.push_back(
      fmt::format("bridge set ageing_time {} fdb_max_learned {} vlan_filtering {} vlan_protocol {} "
                  "default_pvid {} group_fwd_mask {}",
                  DurationText(bridge.ageing), bridge.fdb_max_learned,
                  bridge.forwarding.vlan_filtering ? "on" : "off",
                  NameOfVlanProtocol(bridge.forwarding.vlan_protocol), bridge.default_pvid.value,
                  MaskText(bridge.forwarding.group_fwd_mask)));
  SaveVlans(Quoted(control.identity().name), OnlyPvid(bridge.default_pvid), bridge.vlans, lines);
  const std::string loop = LoopDetectionAsCommand(bridge.loop);
  if (!loop.empty()) lines.push_back(loop);
  for (const PortConfig& port : config.ports) {
    if (port.ephemeral) continue;
    SavePort(port, bridge, lines);
  }
  for (const MirrorConfig& mirror : config.mirrors) {
    lines.push_back("mirror add " + MirrorWords(mirror));
  }
  SaveEntries(control, lines);
  return lines;
}

}  // namespace tapswitch
