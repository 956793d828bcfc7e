// Reading and changing the settings of one network interface, in any namespace.

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

// What is to change; nothing leaves a setting as it is.
struct LinkChange {
  std::optional<uint32_t> mtu{};
  std::optional<uint32_t> txqueuelen{};
  std::optional<bool> up{};
  std::optional<std::string> name{};
  const NetworkNamespace* netns = nullptr;  // where to move it; null: it stays

  bool operator==(const LinkChange&) const = default;
};

// The present state of interface `name` in `netns`; nothing when there is none of that name.
[[nodiscard]] absl::StatusOr<std::optional<LinkState>> FindLink(const NetworkNamespace& netns,
                                                                std::string_view name);

// Of all interfaces in `netns`.
[[nodiscard]] absl::StatusOr<std::vector<LinkState>> ListLinks(const NetworkNamespace& netns);

// Changes interface `ifindex` in `netns` by one request. The kernel carries it out in this order:
// namespace, MTU, name, queue length, up or down (net/core/rtnetlink.c, do_setlink). Moving takes
// the interface down first. An error may leave what came before it done.
[[nodiscard]] absl::Status ChangeLink(const NetworkNamespace& netns, int ifindex,
                                      const LinkChange& change);

// Has interface `ifindex` send without a queueing discipline, in place of whatever it has. On one that is
// down this also keeps the kernel from making its default one when it comes up.
[[nodiscard]] absl::Status SendWithoutQueueing(const NetworkNamespace& netns, int ifindex);

}  // namespace tapswitch
