#include "switch/control/evpn/vni_devices.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "ports/interface/tap/held_tap.h"
#include "ports/netlink/link_settings.h"
#include "ports/netlink/linux_bridge_port.h"
#include "ports/os/netns.h"
#include "spdlog/fmt/fmt.h"
#include "switch/control/config/ip_text.h"

namespace tapswitch {
namespace {

constexpr uint32_t kDisabled = 0;  // BR_STATE_DISABLED

// Nothing is flooded to the shadow port, and nothing learned there.
const LinuxBridgeSettings& ShadowSettings() {
  static const LinuxBridgeSettings settings{
      {"learning", 0}, {"flood", 0}, {"mcast_flood", 0}, {"bcast_flood", 0}};
  return settings;
}

// The bridge forwards nothing by the vxlan device: the switch does. Its tables do not depend on
// that.
const LinuxBridgeSettings& VxlanSettings() {
  static const LinuxBridgeSettings settings{{"state", kDisabled}, {"learning", 0}};
  return settings;
}

absl::Status Explain(const absl::Status& error, std::string_view what) {
  if (error.ok()) return error;
  if (absl::IsPermissionDenied(error)) {
    return absl::PermissionDeniedError(
        fmt::format("{}: evpn needs CAP_NET_ADMIN in the network namespace of the switch: start it "
                    "as root (--user keeps this capability)",
                    what));
  }
  return {error.code(), fmt::format("{}: {}", what, std::string(error.message()))};
}

absl::StatusOr<std::optional<LinkState>> Find(const std::string& name) {
  const auto here = NetworkNamespace::Current();
  if (!here.ok()) return here.status();
  return FindLink(*here, name);
}

absl::Status BringUp(int ifindex) {
  const auto here = NetworkNamespace::Current();
  if (!here.ok()) return here.status();
  return ChangeLink(*here, ifindex, {.up = true});
}

void Delete(int ifindex) {
  const auto here = NetworkNamespace::Current();
  if (here.ok()) static_cast<void>(DeleteLink(*here, ifindex));
}

absl::StatusOr<bool> RepairPort(int ifindex, int master, int bridge,
                                const LinuxBridgeSettings& wanted) {
  if (master != bridge) {
    if (absl::Status joined = SetMaster(ifindex, bridge); !joined.ok()) return joined;
  }
  const LinuxBridgeSettings present = ReadBridgePortSettings(ifindex);
  const bool is_right = std::all_of(wanted.begin(), wanted.end(), [&](const auto& one) {
    return SettingOr(present, one.first, one.second + 1) == one.second;
  });
  if (is_right) return master != bridge;
  if (absl::Status set = ChangeBridgePort(ifindex, wanted); !set.ok()) return set;
  return true;
}

std::string AliasPrefix(std::string_view owner) {
  return fmt::format("made by tapswitch {} for vni ", owner);
}

std::string AliasOf(std::string_view owner, uint32_t vni) {
  return AliasPrefix(owner) + std::to_string(vni);
}

}  // namespace

VniDevices::VniDevices(EvpnConfig config, std::string owner)
    : config_(std::move(config)), owner_(std::move(owner)) {}

std::string VniDevices::Alias() const { return AliasOf(owner_, config_.vni); }

std::string VniDevices::shadow_name() const { return fmt::format("evsh{}", config_.vni); }

bool VniDevices::Has(std::string_view name) const {
  return name == config_.dev || name == bridge_name() || name == shadow_name();
}

absl::Status VniDevices::Check(const VxlanLink& link) const {
  const std::string& dev = config_.dev;
  if (link.vni != config_.vni) {
    return absl::FailedPreconditionError(fmt::format(
        "{0} is a vxlan device of vni {1}: say vni {1}, or name another one", dev, link.vni));
  }
  if (!link.local || !link.local->is_v4()) {
    return absl::FailedPreconditionError(fmt::format(
        "{0} has {1}, without which FRR 8.4 announces nothing usable: make it anew with local "
        "ADDRESS: ip link del {0}",
        dev, link.local ? "a local address of IPv6, and needs one of IPv4" : "no local address"));
  }
  if (config_.local && *config_.local != *link.local) {
    return absl::FailedPreconditionError(
        fmt::format("{} has local {}: leave out local, or delete it first: ip link del {}", dev,
                    IpAddressText(*link.local), dev));
  }
  if (config_.port != EvpnConfig().port && config_.port != link.port) {
    return absl::FailedPreconditionError(
        fmt::format("{} has UDP port {}: leave out port, or delete it first: ip link del {}", dev,
                    link.port, dev));
  }
  if (link.has_group) {
    return absl::FailedPreconditionError(fmt::format(
        "{0} has a remote or group, which EVPN takes the place of: ip link del {0}, and add "
        "it here with local {1}",
        dev, IpAddressText(*link.local)));
  }
  const auto here = NetworkNamespace::Current();
  if (!here.ok()) return here.status();
  const auto links = ListLinks(*here);
  if (!links.ok()) return links.status();
  const auto master = std::find_if(links->begin(), links->end(), [&](const LinkState& one) {
    return one.ifindex == link.link.master;
  });
  if (master == links->end() || master->name == bridge_name()) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "{0} is a port of {1}: take it out first: ip link set dev {0} nomaster", dev, master->name));
}

// A process that was killed may have made them by other settings.
void VniDevices::RemoveMisfits() const {
  const auto here = NetworkNamespace::Current();
  if (!here.ok()) return;
  const auto links = ListLinks(*here);
  if (!links.ok()) return;
  for (const LinkState& link : *links) {
    const bool is_elsewhere =
        link.alias == Alias() && link.name != config_.dev && link.name != bridge_name();
    bool is_other = false;
    if (link.name == config_.dev && link.alias.starts_with(AliasPrefix(owner_))) {
      const auto vxlan = FindVxlan(config_.dev);
      is_other = vxlan.ok() && *vxlan && !Check(**vxlan).ok();
    }
    if (is_elsewhere || is_other) Delete(link.ifindex);
  }
}

absl::Status VniDevices::MakeVxlan() {
  RemoveMisfits();
  auto found = FindVxlan(config_.dev);
  if (!found.ok()) return found.status();
  if (!*found) {
    if (!config_.local) {
      return absl::NotFoundError(fmt::format(
          "there is no interface '{}': give local ADDRESS to have it made, the address by which "
          "other machines reach this one",
          config_.dev));
    }
    const absl::Status made = AddVxlan({.name = config_.dev,
                                        .vni = config_.vni,
                                        .local = *config_.local,
                                        .port = config_.port,
                                        .alias = Alias()});
    if (absl::IsAlreadyExists(made)) {
      return absl::AlreadyExistsError(fmt::format(
          "there is another vxlan device of vni {} and UDP port {}: see ip -d link show type vxlan",
          config_.vni, config_.port));
    }
    if (!made.ok()) return Explain(made, "making " + config_.dev);
    found = FindVxlan(config_.dev);
    if (!found.ok()) return found.status();
    if (!*found) return absl::NotFoundError(fmt::format("{} has gone", config_.dev));
  }
  const VxlanLink& link = **found;
  absl::Status done = Check(link);
  if (done.ok() && link.learning) {
    done = Explain(StopVxlanLearning(link.link.ifindex), "nolearning on " + config_.dev);
  }
  if (done.ok() && !link.link.up) done = Explain(BringUp(link.link.ifindex), config_.dev);
  if (!done.ok()) {
    FreeVxlan();
    return done;
  }
  link_ = *found;
  vxlan_ = link.link.ifindex;
  return absl::OkStatus();
}

absl::StatusOr<bool> VniDevices::RepairBridge() {
  const std::string name = bridge_name();
  auto link = Find(name);
  if (!link.ok()) return link.status();
  bool changed = false;
  if (!*link) {
    absl::Status made = Explain(AddShadowBridge(name, Alias()), "making bridge " + name);
    if (!made.ok()) return made;
    changed = true;
    link = Find(name);
    if (!link.ok() || !*link) return absl::NotFoundError(name + " has gone");
  }
  if ((*link)->kind != "bridge") {
    return absl::FailedPreconditionError(
        fmt::format("'{0}' is no bridge: rename it: ip link set dev {0} name NAME", name));
  }
  bridge_ = (*link)->ifindex;
  if ((*link)->up) return changed;
  if (absl::Status up = Explain(BringUp(bridge_), name); !up.ok()) return up;
  return true;
}

absl::StatusOr<bool> VniDevices::RepairShadow() {
  const std::string name = shadow_name();
  auto link = Find(name);
  if (!link.ok()) return link.status();
  bool changed = false;
  if (!shadow_.valid() || !*link) {
    shadow_ = FileDescriptor();
    auto made = MakeHeldTap(name);
    if (!made.ok()) return Explain(made.status(), "the shadow port");
    shadow_ = *std::move(made);
    changed = true;
    link = Find(name);
    if (!link.ok() || !*link) return absl::NotFoundError(name + " has gone");
    const auto here = NetworkNamespace::Current();
    if (here.ok()) StopIpv6Addresses(*here, (*link)->ifindex);
  }
  shadow_index_ = (*link)->ifindex;
  const auto joined = RepairPort(shadow_index_, (*link)->master, bridge_, ShadowSettings());
  if (!joined.ok()) return Explain(joined.status(), name);
  changed = changed || *joined;
  if ((*link)->up) return changed;
  if (absl::Status up = Explain(BringUp(shadow_index_), name); !up.ok()) return up;
  return true;
}

absl::StatusOr<bool> VniDevices::RepairVxlan() {
  auto found = FindVxlan(config_.dev);
  if (!found.ok()) return found.status();
  if (!*found) {
    vxlan_ = 0;
    return absl::NotFoundError(fmt::format("interface {} is missing", config_.dev));
  }
  if (absl::Status checked = Check(**found); !checked.ok()) return checked;
  link_ = *found;
  const bool is_other = vxlan_ != link_->link.ifindex;
  vxlan_ = link_->link.ifindex;
  const auto joined = RepairPort(vxlan_, link_->link.master, bridge_, VxlanSettings());
  if (!joined.ok()) return Explain(joined.status(), config_.dev);
  return is_other || *joined;
}

absl::StatusOr<bool> VniDevices::Repair() {
  bool changed = false;
  for (const auto step :
       {&VniDevices::RepairBridge, &VniDevices::RepairShadow, &VniDevices::RepairVxlan}) {
    const auto repaired = (this->*step)();
    if (!repaired.ok()) return repaired.status();
    changed = changed || *repaired;
  }
  return changed;
}

// The shadow port first, so that the routes are withdrawn at once. It is deleted, as another
// process may have it open, too.
void VniDevices::Leave() {
  const auto bridge = Find(bridge_name());
  const auto shadow = Find(shadow_name());
  if (shadow_.valid() && shadow.ok() && *shadow) Delete((*shadow)->ifindex);
  shadow_ = FileDescriptor();
  if (vxlan_ != 0 && bridge.ok() && *bridge) static_cast<void>(SetMaster(vxlan_, 0));
  if (bridge.ok() && *bridge && (*bridge)->alias == Alias()) Delete((*bridge)->ifindex);
  bridge_ = 0;
  shadow_index_ = 0;
}

void VniDevices::FreeVxlan() const {
  const auto link = Find(config_.dev);
  if (link.ok() && *link && (*link)->alias == Alias()) Delete((*link)->ifindex);
}

std::vector<std::string> VniDevices::Warnings() const {
  std::vector<std::string> lines;
  if (!link_ || !link_->local || !link_->local->is_v4()) return lines;
  const auto underlay = FindUnderlay(*link_->local);
  if (!underlay) {
    lines.push_back(fmt::format("no interface has the address {}: nothing is sent until one has",
                                IpAddressText(*link_->local)));
    return lines;
  }
  const uint32_t needed = link_->link.mtu + kVxlanOverhead;
  if (needed <= underlay->mtu) return lines;
  lines.push_back(fmt::format(
      "frames of {0} with MTU {1} need {2} bytes on {3}, which has MTU {4}: longer ones are "
      "fragmented or refused: ip link set dev {3} mtu {2}, or ip link set dev {0} mtu {5} and the "
      "same at the stations",
      config_.dev, link_->link.mtu, needed, underlay->interface, underlay->mtu,
      underlay->mtu - kVxlanOverhead));
  return lines;
}

std::vector<std::string> RemoveLeftOvers(const std::string& owner,
                                         const std::vector<EvpnConfig>& kept) {
  std::vector<std::string> removed;
  const auto here = NetworkNamespace::Current();
  if (!here.ok()) return removed;
  const auto links = ListLinks(*here);
  if (!links.ok()) return removed;
  const std::string prefix = AliasPrefix(owner);
  for (const LinkState& link : *links) {
    if (!link.alias.starts_with(prefix)) continue;
    const bool is_kept = std::any_of(kept.begin(), kept.end(), [&](const EvpnConfig& vni) {
      const bool is_one = link.name == vni.dev || link.name == ShadowBridgeName(vni.vni);
      return is_one && link.alias == AliasOf(owner, vni.vni);
    });
    if (is_kept || !DeleteLink(*here, link.ifindex).ok()) continue;
    removed.push_back(link.name);
  }
  return removed;
}

}  // namespace tapswitch
