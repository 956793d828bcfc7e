// Methods about VNIs, by which stations on other machines are reached.

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "ports/netlink/vxlan_link.h"
#include "ports/port_types.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/apply/bridge_control.h"
#include "switch/control/commands/reserved_names.h"
#include "switch/control/config/evpn_config.h"
#include "switch/control/config/ip_text.h"
#include "switch/control/config/vlan_edit.h"
#include "switch/control/evpn/frr_lines.h"
#include "switch/control/evpn/overlay.h"
#include "switch/control/methods/method_lists.h"
#include "switch/control/methods/param_reader.h"
#include "switch/control/rpc/monitor.h"

namespace tapswitch {
namespace {

using nlohmann::ordered_json;

absl::StatusOr<EvpnConfig> ReadVni(const MethodParams& params) {
  ParamReader reader(params);
  const auto number = reader.MaybeNumber("vni", 1, kMostVni);
  EvpnConfig vni{.dev = reader.Text("dev")};
  const auto local = reader.MaybeText("local");
  const auto vlan = reader.MaybeNumber("vlan", kLeastVlan.value, kMostVlan.value);
  const auto port = reader.MaybeNumber("port", 1, std::numeric_limits<uint16_t>::max());
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (!number) return absl::InvalidArgumentError("'vni' is missing: give a number");
  vni.vni = static_cast<uint32_t>(*number);
  if (absl::Status named = CheckInterfaceName(vni.dev); !named.ok()) return named;
  if (absl::Status named = CheckPortName(vni.dev); !named.ok()) return named;
  if (vlan) vni.vlan = VlanId{static_cast<uint16_t>(*vlan)};
  if (port) vni.port = static_cast<uint16_t>(*port);
  if (!local) return vni;
  const auto address = ParseIpAddress("local", *local);
  if (!address.ok()) return address.status();
  if (!address->is_v4() || !address->is_station()) {
    return absl::InvalidArgumentError(fmt::format(
        "local {}: FRR 8.4 knows underlays of IPv4 alone: give an IPv4 address of this machine",
        *local));
  }
  vni.local = *address;
  return vni;
}

// The port of the VNI, with what the VNI needs of it.
absl::Status PreparePort(EvpnConfig& vni, BridgeConfig& wanted) {
  PortConfig* port = wanted.port(vni.dev);
  vni.adds_port = port == nullptr;
  if (port == nullptr) {
    const PortSpec spec{.type = std::string(kAttachedPortType), .name = vni.dev};
    port = &wanted.ports.emplace_back(NewPort(spec, wanted.bridge));
  }
  if (InterfaceOriginOf(port->spec) != InterfaceOrigin::kForeign || port->ephemeral) {
    return absl::FailedPreconditionError(fmt::format(
        "port {0} is {1}: remove it (tapctl port del {0}), and evpn add adds it as it has to be",
        vni.dev, port->ephemeral ? "one that comes and goes" : "no netdev port"));
  }
  const bool is_shared =
      std::any_of(port->spec.options.begin(), port->spec.options.end(),
                  [](const PortOption& one) { return one.key == "host" || one.key == "netns"; });
  if (is_shared) {
    return absl::FailedPreconditionError(
        fmt::format("port {0} has host= or netns=: the host must not see its frames, and FRR has "
                    "to see its interface: tapctl port del {0}",
                    vni.dev));
  }
  port->settings.learning = false;
  port->settings.is_tunnel = true;
  if (vni.vlan != kNoVlan) port->settings.vlans = OnlyPvid(vni.vlan);
  return absl::OkStatus();
}

MethodResult AddVni(const MethodContext& context, const MethodCall& call) {
  auto vni = ReadVni(call.params);
  if (!vni.ok()) return vni.status();
  const BridgeConfig before = context.control.config();
  const EvpnConfig* const same = FindVniOf(before.evpn, vni->dev);
  if (same != nullptr) vni->adds_port = same->adds_port;
  if (same != nullptr && *same == *vni) return nullptr;
  BridgeConfig wanted = before;
  absl::Status done = CheckEvpn(before.evpn, *vni);
  if (done.ok()) done = PreparePort(*vni, wanted);
  if (!done.ok()) return done;
  wanted.evpn.push_back(*vni);
  static_cast<void>(context.control.TakeWarnings());  // of ports that came by themselves
  done = context.control.Change(wanted);
  if (!done.ok()) {
    static_cast<void>(context.control.Change(before));
    return done;
  }
  if (vni->adds_port) context.monitor.Publish("port", "added", {{"ifname", vni->dev}});
  std::vector<std::string> warnings = context.control.TakeWarnings();
  if (context.overlay != nullptr) {
    for (std::string& line : context.overlay->WarningsOf(vni->vni)) {
      warnings.push_back(std::move(line));
    }
  }
  if (warnings.empty()) return nullptr;
  return ordered_json{{"warnings", std::move(warnings)}};
}

MethodResult DeleteVni(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto number = reader.MaybeNumber("vni", 1, kMostVni);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  if (!number) return absl::InvalidArgumentError("'vni' is missing: give a number");
  BridgeConfig wanted = context.control.config();
  const auto found = std::find_if(wanted.evpn.begin(), wanted.evpn.end(),
                                  [&](const EvpnConfig& one) { return one.vni == *number; });
  if (found == wanted.evpn.end()) {
    return absl::NotFoundError(fmt::format("there is no vni {}: see tapctl evpn show", *number));
  }
  const EvpnConfig gone = *found;
  wanted.evpn.erase(found);
  if (gone.adds_port) {
    std::erase_if(wanted.ports, [&](const auto& port) { return port.spec.name == gone.dev; });
  } else if (PortConfig* const port = wanted.port(gone.dev); port != nullptr) {
    port->settings.is_tunnel = false;
  }
  if (absl::Status changed = context.control.Change(wanted); !changed.ok()) return changed;
  if (gone.adds_port) context.monitor.Publish("port", "deleted", {{"ifname", gone.dev}});
  return nullptr;
}

ordered_json ShowVni(const EvpnConfig& config, const Vni* vni) {
  ordered_json shown{{"vni", config.vni}, {"dev", config.dev}};
  if (config.vlan != kNoVlan) shown["vlan"] = config.vlan.value;
  if (vni == nullptr) return shown;
  const VniDevices& devices = vni->devices();
  const auto& link = devices.link();
  if (link && link->local) shown["local"] = IpAddressText(*link->local);
  if (link) shown["port"] = link->port;
  shown["bridge"] = devices.bridge_name();
  shown["shadow"] = devices.shadow_name();
  shown["state"] = vni->obstacle().empty() ? "up" : "down";
  if (!vni->obstacle().empty()) shown["reason"] = vni->obstacle();
  shown["macs_local"] = vni->stations().local();
  shown["macs_remote"] = vni->stations().remote();
  shown["neighbours_local"] = vni->neighbours().local();
  shown["neighbours_remote"] = vni->neighbours().remote();
  auto vteps = ordered_json::array();
  for (const IpAddress vtep : vni->vteps()) vteps.push_back(IpAddressText(vtep));
  shown["vteps"] = std::move(vteps);
  shown["resyncs"] = vni->counters().resyncs;
  shown["overruns"] = vni->counters().overruns;
  shown["refusals"] = vni->counters().refusals + vni->stations().left_out();
  if (link) shown["mtu"] = link->link.mtu;
  if (const auto warnings = devices.Warnings(); !warnings.empty()) shown["warnings"] = warnings;
  if (link && link->local) shown["frr"] = FrrLines(*link->local);
  return shown;
}

MethodResult ListVnis(const MethodContext& context, const MethodCall& call) {
  ParamReader reader(call.params);
  const auto number = reader.MaybeNumber("vni", 1, kMostVni);
  if (absl::Status read = reader.Finish(); !read.ok()) return read;
  auto list = ordered_json::array();
  for (const EvpnConfig& config : context.control.config().evpn) {
    if (number && config.vni != *number) continue;
    list.push_back(ShowVni(
        config, context.overlay == nullptr ? nullptr : context.overlay->FindVni(config.vni)));
  }
  if (number && list.empty()) {
    return absl::NotFoundError(fmt::format("there is no vni {}: see tapctl evpn show", *number));
  }
  return list;
}

constexpr std::array kEvpnMethods{
    Method{"evpn.add", MethodKind::kChanges, AddVni},
    Method{"evpn.del", MethodKind::kChanges, DeleteVni},
    Method{"evpn.list", MethodKind::kReads, ListVnis},
};

}  // namespace

std::span<const Method> EvpnMethods() { return kEvpnMethods; }

}  // namespace tapswitch
