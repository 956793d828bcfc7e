// The carrier that the other end of a veth pair sees.

#include <string>

#include "absl/status/status.h"
#include "ports/interface/netdev/netdev_device.h"
#include "ports/netlink/link_settings.h"
#include "spdlog/fmt/fmt.h"

namespace tapswitch {

absl::Status NetdevDevice::SetCarrier(bool is_on) {
  is_off_ = !is_on;
  if (!netns_) return absl::OkStatus();
  const auto state = FindLink(*netns_, options_.name);
  if (!state.ok()) return state.status();
  if (*state && (*state)->kind != "veth") {
    is_off_ = false;
    return absl::FailedPreconditionError(
        (*state)->tun
            ? fmt::format(
                  "the guest behind {} sees the link that its QEMU shows it: use QEMU's "
                  "set_link (virsh domif-setlink), or have the switch hold the TAP (tap:{})",
                  options_.name, options_.name)
            : fmt::format("{} is neither a TAP of the switch nor a veth: ip link set dev {} down",
                          options_.name, options_.name));
  }
  if (!*state) return absl::OkStatus();
  return ChangeLink(*netns_, (*state)->ifindex, {.up = is_on});
}

}  // namespace tapswitch
