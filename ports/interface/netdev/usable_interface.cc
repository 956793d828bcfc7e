#include "ports/interface/netdev/usable_interface.h"

#include <algorithm>
#include <string>

#include "ports/interface/interface_usage.h"
#include "ports/netlink/link_settings.h"
#include "ports/netlink/vxlan_link.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {

bool IsInShadowBridge(const NetworkNamespace& netns, const NetdevOptions& options,
                      const LinkState& link) {
  if (link.master == 0 || link.kind != "vxlan" || options.shared_with_host) return false;
  const auto links = ListLinks(netns);
  return links.ok() && std::any_of(links->begin(), links->end(), [&](const LinkState& one) {
           return one.ifindex == link.master && IsShadowBridge(one);
         });
}

absl::Status CheckIsUsable(const NetworkNamespace& netns, const LinkState& link, bool is_layer3,
                           int master) {
  if (is_layer3 && !link.is_layer3) {
    return absl::InvalidArgumentError(
        fmt::format("'{0}' does not carry IP packets alone, as a tun does: attach it as netdev:{0}",
                    link.name));
  }
  if (!is_layer3 && !link.is_ethernet) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' does not carry Ethernet frames: attach an interface that does", link.name));
  }
  if (link.master != 0 && link.master != master) {
    return absl::FailedPreconditionError(fmt::format(
        "'{0}' is in use as a port of {1}: take it out first: ip link set dev {0} nomaster",
        link.name, DescribeDevice(netns, link.master)));
  }
  return absl::OkStatus();
}

absl::Status InUse(std::string_view name, const absl::Status& claim) {
  if (!absl::IsAlreadyExists(claim)) return claim;
  return absl::AlreadyExistsError(
      fmt::format("interface '{}' is in use by {}: an interface is a port once: remove it there "
                  "first, or attach another one",
                  name, std::string(claim.message())));
}

}  // namespace tapswitch
