// The command line as plain data: parsed and checked, but not acted upon.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/os/user_accounts.h"
#include "ports/port_spec.h"
#include "ports/ring/ring_factory.h"
#include "switch/forwarding/ids.h"
#include "switch/workers/polling/poll_governor.h"

namespace tapswitch {

// Interfaces to attach as they appear: `GLOB[,WORD[=VALUE]]...`.
struct AttachText {
  std::string glob;               // pattern of their names, as fnmatch(3) takes it
  std::vector<PortOption> words;  // settings of their ports, not checked yet

  bool operator==(const AttachText&) const = default;
};

inline constexpr size_t kMaxWorkers = 64;

struct Config {
  std::string name = "br0";
  Ticks ageing{30000};
  uint32_t fdb_max = 65536;
  std::optional<size_t> workers = 1;  // threads that forward; nothing: as many as it takes
  bool vlan_filtering = false;
  IoMode io = IoMode::kAuto;
  bool gro = true;
  bool kernel_forwarding = true;  // where it is possible
  BusyPoll busy_poll;
  // For how long the host is kept out after the switch was killed.
  std::chrono::milliseconds host_lease{30000};
  std::string control_socket = "/run/tapswitch/br0.sock";  // path
  std::optional<gid_t> control_group;  // its members may connect, beside the owner
  std::string startup_file;            // tapctl commands; empty: none
  std::string metrics_address;         // empty: none
  std::optional<UserAccount> user;     // user to change to once all is open
  std::vector<PortSpec> ports;
  std::vector<AttachText> attach;  // the first that matches counts
};

// The flags as the user wrote them.
struct ConfigText {
  std::string name;
  std::string ageing_time;
  uint64_t fdb_max = 0;
  std::string workers = "1";
  bool vlan_filtering = false;
  std::string io;
  std::string gro;
  std::string kernel_forwarding = "auto";
  std::string busy_poll;
  std::string host_lease = "30s";
  std::string control_socket;  // empty: by the bridge's name
  std::string control_group;
  std::string startup_file;
  std::string metrics_address;
  std::string user;
  std::vector<std::string> ports;
  std::string attach = {};  // rules, separated by ';'
};

// Checks the flags. Errors name the bad value and the valid ones.
[[nodiscard]] absl::StatusOr<Config> ParseConfig(const ConfigText& text);

}  // namespace tapswitch
