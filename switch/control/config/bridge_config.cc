#include "switch/control/config/bridge_config.h"

#include <algorithm>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "switch/control/config/vlan_edit.h"

namespace tapswitch {
namespace {

// Appends the actions that make `wanted` of the running port of that name, if there is one.
void DiffPort(const PortConfig* running, const PortConfig& wanted, std::vector<Action>& actions) {
  if (running == nullptr) {
    actions.emplace_back(AddPort{wanted});
    return;
  }
  // The settings come first, so that they hold when the device is open.
  if (running->settings != wanted.settings) {
    const VlanSet left = running->settings.vlans.members - wanted.settings.vlans.members;
    actions.emplace_back(SetPort{wanted.spec.name, wanted.settings, left});
  }
  if (running->spec != wanted.spec || running->opened != wanted.opened) {
    actions.emplace_back(ReopenPort{wanted});
  }
}

bool Has(const std::vector<MirrorConfig>& mirrors, const MirrorConfig& mirror) {
  return std::find(mirrors.begin(), mirrors.end(), mirror) != mirrors.end();
}

// Returns the wanted mirrors, reduced to the wanted ports.
std::vector<MirrorConfig> MirrorsAmong(const BridgeConfig& wanted) {
  std::vector<MirrorConfig> mirrors = wanted.mirrors;
  for (const MirrorConfig& mirror : wanted.mirrors) {
    for (const std::string& port : mirror.ports) {
      if (wanted.port(port) == nullptr) ForgetPort(port, mirrors);
    }
    if (wanted.port(mirror.destination) == nullptr) ForgetPort(mirror.destination, mirrors);
  }
  return mirrors;
}

// Returns the wanted VNIs, without those whose port is not wanted.
std::vector<EvpnConfig> VnisAmong(const BridgeConfig& wanted) {
  std::vector<EvpnConfig> vnis = wanted.evpn;
  std::erase_if(vnis, [&](const EvpnConfig& one) { return wanted.port(one.dev) == nullptr; });
  return vnis;
}

std::vector<EvpnConfig> Without(const std::vector<EvpnConfig>& all,
                                const std::vector<EvpnConfig>& others) {
  std::vector<EvpnConfig> rest = all;
  std::erase_if(rest, [&](const EvpnConfig& one) {
    return std::find(others.begin(), others.end(), one) != others.end();
  });
  return rest;
}

// A VNI learns from other machines' announcements alone.
absl::Status CheckVniPort(const EvpnConfig& vni, const BridgeConfig& wanted) {
  const PortConfig* const port = wanted.port(vni.dev);
  if (port == nullptr) return absl::OkStatus();  // the VNI goes with it
  if (port->settings.learning) {
    return absl::FailedPreconditionError(
        fmt::format("port {0} carries vni {1}, which needs learning off: tapctl link set dev {0} "
                    "learning off, or tapctl evpn del vni {1}",
                    vni.dev, vni.vni));
  }
  if (vni.vlan == kNoVlan || port->settings.vlans == OnlyPvid(vni.vlan)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("port {0} carries vni {1} in vlan {2}, and so has vlan {2} alone, pvid untagged: "
                  "tapctl evpn del vni {1} first",
                  vni.dev, vni.vni, vni.vlan.value));
}

// Frames would go from one to the other.
absl::Status CheckApart(const EvpnConfig& vni, const EvpnConfig& other,
                        const BridgeConfig& wanted) {
  const VlanId vlan = VlanOfVni(vni, wanted);
  const bool filters = wanted.bridge.forwarding.vlan_filtering;
  if (filters && vlan != VlanOfVni(other, wanted)) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "vni {} would be in one {} with vni {}, and their stations would be mixed up: "
      "give each a vlan of its own{}",
      vni.vni, vlan != kNoVlan ? fmt::format("vlan ({})", vlan.value) : "broadcast domain",
      other.vni, filters ? "" : ", with bridge set vlan_filtering on"));
}

struct Applier {
  BridgeConfig& config;

  void operator()(const SetBridge& action) const { config.bridge = action.settings; }
  void operator()(const RemovePort& action) const {
    std::erase_if(config.ports, [&](const auto& port) { return port.spec.name == action.name; });
  }
  void operator()(const AddPort& action) const { config.ports.push_back(action.port); }
  void operator()(const ReopenPort& action) const {
    *config.port(action.port.spec.name) = action.port;
  }
  void operator()(const SetPort& action) const {
    config.port(action.name)->settings = action.settings;
  }
  void operator()(const RemoveMirror& action) const {
    std::erase_if(config.mirrors, [&](const auto& mirror) { return mirror.name == action.name; });
  }
  void operator()(const AddMirror& action) const { config.mirrors.push_back(action.mirror); }
  void operator()(const MakeVni& action) const { config.evpn.push_back(action.vni); }
  void operator()(const JoinVni& /*action*/) const {}
  void operator()(const LeaveVni& action) const { std::erase(config.evpn, action.vni); }
  void operator()(const FreeVni& /*action*/) const {}
};

}  // namespace

const PortConfig* BridgeConfig::port(std::string_view name) const {
  const auto found = std::find_if(ports.begin(), ports.end(),
                                  [&](const PortConfig& port) { return port.spec.name == name; });
  return found == ports.end() ? nullptr : &*found;
}

PortConfig* BridgeConfig::port(std::string_view name) {
  return const_cast<PortConfig*>(std::as_const(*this).port(name));
}

PortConfig NewPort(PortSpec spec, const BridgeSettings& bridge) {
  return {.spec = std::move(spec), .settings = {.vlans = OnlyPvid(bridge.default_pvid)}};
}

std::vector<Action> Diff(const BridgeConfig& running, const BridgeConfig& wanted) {
  std::vector<Action> actions;
  const std::vector<MirrorConfig> mirrors = MirrorsAmong(wanted);
  for (const MirrorConfig& mirror : running.mirrors) {
    if (!Has(mirrors, mirror)) actions.emplace_back(RemoveMirror{mirror.name});
  }
  const std::vector<EvpnConfig> vnis = VnisAmong(wanted);
  const std::vector<EvpnConfig> gone = Without(running.evpn, vnis);
  const std::vector<EvpnConfig> added = Without(vnis, running.evpn);
  for (const EvpnConfig& vni : gone) actions.emplace_back(LeaveVni{vni});
  for (const PortConfig& port : running.ports) {
    if (wanted.port(port.spec.name) == nullptr) actions.emplace_back(RemovePort{port.spec.name});
  }
  for (const EvpnConfig& vni : gone) actions.emplace_back(FreeVni{vni});
  if (running.bridge != wanted.bridge) actions.emplace_back(SetBridge{wanted.bridge});
  for (const EvpnConfig& vni : added) actions.emplace_back(MakeVni{vni});
  for (size_t i = 0; i < wanted.ports.size(); ++i) {
    const PortConfig& port = wanted.ports[i];
    // A port is mostly in the same place in both configurations.
    const bool same_place =
        i < running.ports.size() && running.ports[i].spec.name == port.spec.name;
    DiffPort(same_place ? &running.ports[i] : running.port(port.spec.name), port, actions);
  }
  for (const EvpnConfig& vni : added) actions.emplace_back(JoinVni{vni});
  for (const MirrorConfig& mirror : mirrors) {
    if (!Has(running.mirrors, mirror)) actions.emplace_back(AddMirror{mirror});
  }
  return actions;
}

absl::Status CheckSpanningTree(const BridgeConfig& wanted) {
  if (!wanted.bridge.tree.is_on) return absl::OkStatus();
  const auto refuse = [](const std::string& what) {
    return absl::FailedPreconditionError("stp_state on: " + what);
  };
  const BridgeForwarding& forwarding = wanted.bridge.forwarding;
  if ((forwarding.group_fwd_mask & 1U) != 0) {
    return refuse("group_fwd_mask forwards BPDUs: clear its bit 0, or turn stp_state off");
  }
  if (forwarding.vlan_filtering && forwarding.vlan_protocol == EtherType::kServiceVlan) {
    return refuse(
        "a provider bridge (vlan_protocol 802.1ad) forwards its customers' BPDUs: use "
        "802.1Q, or turn stp_state off");
  }
  for (const PortConfig& port : wanted.ports) {
    if ((port.settings.group_fwd_mask & 1U) == 0) continue;
    return refuse("group_fwd_mask of port " + port.spec.name +
                  " forwards BPDUs: clear its bit 0, or turn stp_state off");
  }
  return absl::OkStatus();
}

VlanId VlanOfVni(const EvpnConfig& vni, const BridgeConfig& config) {
  if (!config.bridge.forwarding.vlan_filtering) return kNoVlan;
  if (vni.vlan != kNoVlan) return vni.vlan;
  const PortConfig* const port = config.port(vni.dev);
  return port == nullptr ? kNoVlan : port->settings.vlans.pvid;
}

absl::Status CheckVnis(const BridgeConfig& wanted) {
  std::vector<EvpnConfig> checked;
  for (const EvpnConfig& vni : wanted.evpn) {
    absl::Status fits = CheckEvpn(checked, vni);
    if (fits.ok()) fits = CheckVniPort(vni, wanted);
    for (const EvpnConfig& other : checked) {
      if (fits.ok()) fits = CheckApart(vni, other, wanted);
    }
    if (!fits.ok()) return fits;
    checked.push_back(vni);
  }
  return absl::OkStatus();
}

void ApplyTo(const Action& action, BridgeConfig& running) { std::visit(Applier{running}, action); }

}  // namespace tapswitch
