// The options of a vhost port.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "ports/port_spec.h"

namespace tapswitch {

struct VhostOptions {
  enum class Mode : uint8_t { kServer, kClient };  // of the switch: it listens, or it connects

  // The pairs of rings that a guest can have.
  static constexpr uint32_t kMostQueues = 64;

  std::string name;
  std::string path{};
  Mode mode = Mode::kServer;
  uint32_t queues = 0;      // pairs of rings; 0: one for each worker
  uint32_t mtu = 1500;      // bytes behind the Ethernet header, unless the front end names others
  mode_t mode_bits = 0600;  // of the socket's file
  std::optional<uid_t> user{};
  std::optional<gid_t> group{};

  bool operator==(const VhostOptions&) const = default;
};

// Parses the options. InvalidArgument names the bad key or value and the cure. Users and groups are
// looked up in the system's databases.
[[nodiscard]] absl::StatusOr<VhostOptions> ParseVhostOptions(const PortSpec& spec);

}  // namespace tapswitch
