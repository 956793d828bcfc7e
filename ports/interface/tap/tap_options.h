// The options of a tap port.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "ports/port_spec.h"

namespace tapswitch {

// The number of queues that the kernel gives a TAP (drivers/net/tun.c, MAX_TAP_QUEUES).
inline constexpr uint32_t kMostTapQueues = 256;

struct TapOptions {
  std::string name;

  // The namespace that the interface is to be in: a name of `ip netns`, or a path. Empty: the one
  // the switch runs in.
  std::string netns{};

  std::optional<uint32_t> mtu{};         // bytes behind the Ethernet header; nothing: as it is
  std::optional<uint32_t> txqueuelen{};  // frames that wait for the switch; nothing: as it is
  std::optional<uid_t> user{};           // who else may open the TAP
  std::optional<gid_t> group{};
  uint32_t queues = kMostTapQueues;  // at most so many are used
  bool persist = false;              // it stays when the switch closes it
  bool offload = true;               // frames may come with unfinished checksums, and uncut
  bool up = true;                    // bring it up; otherwise its state is left alone
  bool is_layer3 = false;            // it is a tun, which carries IP packets

  bool operator==(const TapOptions&) const = default;
};

// InvalidArgument names the bad key or value and says what would be right. Names of users and
// groups are looked up here, in the system's databases.
[[nodiscard]] absl::StatusOr<TapOptions> ParseTapOptions(const PortSpec& spec);

}  // namespace tapswitch
