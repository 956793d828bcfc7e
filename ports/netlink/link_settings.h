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

namespace tapswitch {

// The changes to make. A member without a value leaves its setting unchanged.
struct LinkChange {
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
// order: namespace, MTU, name, queue length, up or down (net/core/rtnetlink.c, do_setlink). A move
// sets the interface down first. On an error, earlier changes may have been made.
[[nodiscard]] absl::Status ChangeLink(const NetworkNamespace& netns, int ifindex,
                                      const LinkChange& change);

// Deletes interface `ifindex` in `netns`, as `ip link delete` does.
[[nodiscard]] absl::Status DeleteLink(const NetworkNamespace& netns, int ifindex);

// Removes the queueing discipline of interface `ifindex`, so that it sends without one. If the
// interface is down, this also prevents the kernel from adding its default discipline later.
[[nodiscard]] absl::Status SendWithoutQueueing(const NetworkNamespace& netns, int ifindex);

}  // namespace tapswitch
