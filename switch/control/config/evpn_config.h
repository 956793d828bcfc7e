// The wanted VNIs of a bridge: parts of it that reach other machines, by vxlan and EVPN.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "switch/forwarding/ids.h"
#include "switch/forwarding/view/forwarding_view.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

// The maximum of VNIs of a bridge: each has a port.
inline constexpr size_t kMaxVnis = 256;

struct EvpnConfig {
  uint32_t vni = 0;
  std::string dev;                 // of the vxlan device, and of the port
  std::optional<IpAddress> local;  // of a device that is made: the address of this machine
  VlanId vlan = kNoVlan;           // that it carries; kNoVlan: that of the port
  uint16_t port = 4789;            // of UDP, of a device that is made
  bool adds_port = true;           // the port is part of it: it was not there before

  bool operator==(const EvpnConfig&) const = default;
};

// Returns the VNI of that port; null if it has none.
[[nodiscard]] const EvpnConfig* FindVniOf(const std::vector<EvpnConfig>& vnis,
                                          std::string_view dev);

// Checks whether `added` can join `vnis`: each has a number and a port of its own.
[[nodiscard]] absl::Status CheckEvpn(const std::vector<EvpnConfig>& vnis, const EvpnConfig& added);

// Returns the words behind `evpn add`.
[[nodiscard]] std::string EvpnWords(const EvpnConfig& vni);

}  // namespace tapswitch
