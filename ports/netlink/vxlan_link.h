// Vxlan devices, and the shadow bridges through which a routing daemon learns of them (see
// switch/control/evpn/README.md). Everything works in the namespace of the calling thread.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/netlink/link_state.h"
#include "ports/netlink/linux_bridge.h"
#include "switch/forwarding/wire/ip_address.h"

namespace tapswitch {

inline constexpr uint32_t kMostVni = (1U << 24U) - 1;
inline constexpr uint16_t kVxlanPort = 4789;    // of UDP, RFC 7348
inline constexpr uint32_t kVxlanOverhead = 50;  // bytes in front of an inner frame, by IPv4

struct VxlanLink {
  LinkState link;
  uint32_t vni = 0;
  std::optional<IpAddress> local;  // of an IPv6 address: is_v4() is false
  bool has_group = false;          // it has a default destination, one or a group
  bool learning = false;
  uint16_t port = 0;

  bool operator==(const VxlanLink&) const = default;
};

// Returns the present state of interface `name`; nothing if there is none. InvalidArgument if it is
// no vxlan device.
[[nodiscard]] absl::StatusOr<std::optional<VxlanLink>> FindVxlan(std::string_view name);

struct NewVxlan {
  std::string name;
  uint32_t vni = 0;
  IpAddress local{};
  uint16_t port = kVxlanPort;
  std::string alias;
};
// Makes a device that does not learn, is down, and has no IPv6 address of its own.
[[nodiscard]] absl::Status AddVxlan(const NewVxlan& wanted);
// Has it learn no more.
[[nodiscard]] absl::Status StopVxlanLearning(int ifindex);

// The name of the shadow bridge of a VNI, and whether an interface is the shadow bridge of any.
[[nodiscard]] std::string ShadowBridgeName(uint32_t vni);
[[nodiscard]] bool IsShadowBridge(const LinkState& link);

// Makes a bridge of that name, up, with an address of its own and without snooping.
[[nodiscard]] absl::Status AddShadowBridge(const std::string& name, const std::string& alias);

// The interface that is port of a bridge, and its settings there: `learning`, `state`, ... Empty if
// it is no port.
[[nodiscard]] LinuxBridgeSettings ReadBridgePortSettings(int ifindex);

struct Underlay {
  std::string interface;
  uint32_t mtu = 0;
};
// The interface that has the address; nothing if none has.
[[nodiscard]] std::optional<Underlay> FindUnderlay(IpAddress address);

}  // namespace tapswitch
