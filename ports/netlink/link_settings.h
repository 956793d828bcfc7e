// Reads and changes the settings of one network interface, in any namespace.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/netlink/link_state.h"
#include "ports/os/netns.h"
#include "switch/forwarding/wire/ethernet.h"

namespace tapswitch {

// The changes to make. A member without a value leaves its setting unchanged.
struct LinkChange {
  std::optional<MacAddress> address{};
  std::optional<uint32_t> mtu{};
  std::optional<uint32_t> txqueuelen{};
  std::optional<bool> up{};
  std::optional<std::string> name{};
  const NetworkNamespace* netns = nullptr;  // the namespace to move it to; null: it stays

  bool operator==(const LinkChange&) const = default;
};

// Returns the present state of interface `name` in `netns`; nothing if there is none.
[[nodiscard]] absl::StatusOr<std::optional<LinkState>> FindLink(const NetworkNamespace& netns,
                                                                std::string_view name);

// Returns the states of all interfaces in `netns`.
[[nodiscard]] absl::StatusOr<std::vector<LinkState>> ListLinks(const NetworkNamespace& netns);

// Changes interface `ifindex` in `netns` by one request. The kernel makes the changes in this
// order: namespace, address, MTU, name, queue length, up or down (net/core/rtnetlink.c,
// do_setlink). A move sets the interface down first. On an error, earlier changes may have been
// made.
[[nodiscard]] absl::Status ChangeLink(const NetworkNamespace& netns, int ifindex,
                                      const LinkChange& change);

// Makes a pair of veth interfaces, both called `name` and down: one end in each namespace. Requires
// CAP_NET_ADMIN in both. AlreadyExists when there is an interface of that name in one of them.
[[nodiscard]] absl::Status AddVethPair(const NetworkNamespace& home, const NetworkNamespace& away,
                                       std::string_view name);

// Has the kernel make no IPv6 address of its own for interface `ifindex` in `netns`, so that it
// sends nothing by itself. Where there is no IPv6, nothing happens.
void StopIpv6Addresses(const NetworkNamespace& netns, int ifindex);

// Gives interface `ifindex`, in the namespace of the calling thread, a text for administrators.
[[nodiscard]] absl::Status SetLinkAlias(int ifindex, const std::string& alias);

// Deletes interface `ifindex` in `netns`, as `ip link delete` does.
[[nodiscard]] absl::Status DeleteLink(const NetworkNamespace& netns, int ifindex);

// Removes the queueing discipline of interface `ifindex`, so that it sends without one. If the
// interface is down, this also prevents the kernel from adding its default discipline later.
[[nodiscard]] absl::Status SendWithoutQueueing(const NetworkNamespace& netns, int ifindex);

}  // namespace tapswitch
