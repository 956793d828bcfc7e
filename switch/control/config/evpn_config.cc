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

absl::Status CheckEvpn(const std::vector<EvpnConfig>& vnis, const EvpnConfig& added) {
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
