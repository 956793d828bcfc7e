#include "switch/control/methods/observe/reach.h"

#include <algorithm>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/methods/port_steps.h"
#include "switch/forwarding/guards/alarms.h"

namespace tapswitch {
namespace {

// A port, and why it passes nothing at all.
struct Judged {
  const PortConfig* config;
  std::string closed;  // empty: it is open
};

// The mirror that a port gets its copies from and does nothing else for; null if there is none.
const MirrorConfig* MirrorTo(const BridgeConfig& config, std::string_view port) {
  const auto found =
      std::find_if(config.mirrors.begin(), config.mirrors.end(),
                   [&](const MirrorConfig& mirror) { return mirror.destination == port; });
  return found == config.mirrors.end() ? nullptr : &*found;
}

std::string WhyClosed(const BridgeConfig& config, const PortConfig& port,
                      const PortSnapshot* snapshot) {
  const std::string& name = port.spec.name;
  if (snapshot == nullptr) return fmt::format("{} has no device", name);
  if (!snapshot->status.link_up) {
    return fmt::format("{} is down: {}", name, snapshot->status.reason);
  }
  if (snapshot->shut_down) {
    return fmt::format("{} is shut down: {}", name, NameOf(snapshot->shut_down->cause));
  }
  if (snapshot->state != PortState::kForwarding) {
    return fmt::format("{} is {}", name, NameOf(snapshot->state));
  }
  if (const MirrorConfig* const mirror = MirrorTo(config, name)) {
    return fmt::format("{} gets the copies of mirror {} and nothing else", name, mirror->name);
  }
  return "";
}

// The VLANs of a port that forward.
VlanSet OpenVlans(const PortVlans& vlans) {
  VlanSet open = vlans.members;
  for (const VlanForwarding& exception : vlans.exceptions) {
    if (exception.state != PortState::kForwarding) open.erase(exception.vlan);
  }
  return open;
}

void JudgeVlans(const PortConfig& from, const PortConfig& to, Reach& reach) {
  reach.vlans = OpenVlans(from.settings.vlans) & OpenVlans(to.settings.vlans);
  if (!reach.vlans.empty()) return;
  const VlanSet common = from.settings.vlans.members & to.settings.vlans.members;
  reach.obstacle =
      common.empty() ? "no VLAN in common" : "no VLAN in common in which both are forwarding";
}

void NoteLimits(const PortConfig& from, const PortConfig& to, Reach& reach) {
  const PortSettings& sender = from.settings;
  const PortSettings& receiver = to.settings;
  const auto note = [&](bool is_so, std::string text) {
    if (is_so) reach.limits.push_back(std::move(text));
  };
  note(sender.locked, fmt::format("{} is locked: only hosts with an entry", from.spec.name));
  note(sender.security.allowed != nullptr,
       fmt::format("{} has a list of allowed hosts", from.spec.name));
  note(!receiver.flood, fmt::format("{} has flood off: unicast to known hosts", to.spec.name));
  note(!receiver.bcast_flood, fmt::format("{} has bcast_flood off", to.spec.name));
  note(!receiver.mcast_flood, fmt::format("{} has mcast_flood off", to.spec.name));
}

Reach JudgePair(const Judged& from, const Judged& to, bool filters) {
  Reach reach{.from = from.config->spec.name,
              .to = to.config->spec.name,
              .vlans = {},
              .obstacle = from.closed.empty() ? to.closed : from.closed,
              .limits = {}};
  if (!reach.reaches()) return reach;
  if (from.config->settings.isolated && to.config->settings.isolated) {
    reach.obstacle = "both are isolated";
    return reach;
  }
  if (from.config->settings.is_tunnel && to.config->settings.is_tunnel) {
    reach.obstacle = "both lead to other machines (evpn)";
    return reach;
  }
  if (filters) JudgeVlans(*from.config, *to.config, reach);
  if (reach.reaches()) NoteLimits(*from.config, *to.config, reach);
  return reach;
}

}  // namespace

std::vector<Reach> JudgeReach(const BridgeConfig& config, const SwitchSnapshot& snapshot) {
  std::vector<Judged> ports;
  for (const PortConfig& port : config.ports) {
    ports.push_back({&port, WhyClosed(config, port, FindPortSnapshot(snapshot, port.spec.name))});
  }
  std::vector<Reach> all;
  for (const Judged& from : ports) {
    for (const Judged& to : ports) {
      if (&from == &to) continue;
      all.push_back(JudgePair(from, to, config.bridge.forwarding.vlan_filtering));
    }
  }
  return all;
}

}  // namespace tapswitch
