// The options of a unix port.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/port_spec.h"

namespace tapswitch {

struct UnixOptions {
  enum class Mode : uint8_t { kStream, kDgram };

  std::string name;
  Mode mode = Mode::kStream;
  std::string path{};       // the path that it listens or receives on; empty with `fd`
  std::string remote{};     // dgram: the path that it sends to; empty: to the last sender
  std::optional<int> fd{};  // dgram: a connected socket that the switch has inherited
  uint32_t mtu = 1500;      // bytes behind the Ethernet header
  uint32_t clients = 1;     // ports that share the path, each with a connection
  mode_t mode_bits = 0600;  // of the socket's file
  std::optional<uid_t> user{};
  std::optional<gid_t> group{};

  bool operator==(const UnixOptions&) const = default;
};

// Parses the options. InvalidArgument names the bad key or value and the cure. Users and groups are
// looked up in the system's databases.
[[nodiscard]] absl::StatusOr<UnixOptions> ParseUnixOptions(const PortSpec& spec);

// Returns the ports that `spec` stands for. With clients=N these are NAME.1 to NAME.N, each as if
// it had been added alone; otherwise the one port.
[[nodiscard]] absl::StatusOr<std::vector<PortSpec>> ExpandClients(const PortSpec& spec);

}  // namespace tapswitch
