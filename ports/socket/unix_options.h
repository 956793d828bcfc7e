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
  std::string path{};       // where it listens, or receives; empty with `fd`
  std::string remote{};     // dgram: where it sends to; empty: to who sent last
  std::optional<int> fd{};  // dgram: a connected socket that the switch has inherited
  uint32_t mtu = 1500;      // bytes behind the Ethernet header
  uint32_t clients = 1;     // ports that share the path, one for each connection
  mode_t mode_bits = 0600;  // of the socket's file
  std::optional<uid_t> user{};
  std::optional<gid_t> group{};

  bool operator==(const UnixOptions&) const = default;
};

// InvalidArgument names the bad key or value and says what would be right. Names of users and
// groups are looked up here, in the system's databases.
[[nodiscard]] absl::StatusOr<UnixOptions> ParseUnixOptions(const PortSpec& spec);

// The ports that `spec`, of a unix port, stands for: with clients=N those named NAME.1 to NAME.N, each as if it had
// been asked for by itself; else the one.
[[nodiscard]] absl::StatusOr<std::vector<PortSpec>> ExpandClients(const PortSpec& spec);

}  // namespace tapswitch
