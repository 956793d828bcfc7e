#include "switch/control/config/evpn_config.h"

#include <algorithm>

#include "spdlog/fmt/fmt.h"
#include "switch/control/commands/quoting.h"
#include "switch/control/config/ip_text.h"

namespace tapswitch {

const EvpnConfig* FindVniOf(const std::vector<EvpnConfig>& vnis, std::string_view dev) {
  const auto found =
      std::find_if(vnis.begin(), vnis.end(), [&](const auto& one) { return one.dev == dev; });
  return found == vnis.end() ? nullptr : &*found;
}

absl::Status CheckEvpn(const std::vector<EvpnConfig>& vnis, const EvpnConfig& added,
                       const BridgeForwarding& bridge) {
  if (vnis.size() >= kMaxVnis) {
    return absl::ResourceExhaustedError(
        fmt::format("vni {}: a bridge has at most {} of them", added.vni, kMaxVnis));
  }
  for (const EvpnConfig& one : vnis) {
    if (one.vni == added.vni || one.dev == added.dev) {
      return absl::AlreadyExistsError(
          fmt::format("vni {} is there already, on {}: remove it first: tapctl evpn del vni {}",
                      one.vni, one.dev, one.vni));
    }
    if (bridge.vlan_filtering && one.vlan != added.vlan) continue;
    const bool same_vlan = bridge.vlan_filtering && one.vlan != kNoVlan;
    return absl::FailedPreconditionError(fmt::format(
        "vni {} would be in one {} with vni {}, and frames would go from one to the other: give "
        "each a vlan of its own{}",
        added.vni, same_vlan ? fmt::format("vlan ({})", one.vlan.value) : "broadcast domain",
        one.vni, bridge.vlan_filtering ? "" : ", with bridge set vlan_filtering on"));
  }
  return absl::OkStatus();
}

std::string EvpnWords(const EvpnConfig& vni) {
  std::string words = fmt::format("vni {} dev {}", vni.vni, Quoted(vni.dev));
  if (vni.local) words += " local " + IpAddressText(*vni.local);
  if (vni.vlan != kNoVlan) words += fmt::format(" vlan {}", vni.vlan.value);
  if (vni.port != EvpnConfig().port) words += fmt::format(" port {}", vni.port);
  return words;
}

}  // namespace tapswitch
