// Limits the number of ephemeral ports (those that are removed with their interface) of one user.
//
// tapswitch-qemu-helper adds such ports in the name of the user who starts it. Without a limit, one
// user could take all ports of the switch.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "switch/control/config/bridge_config.h"

namespace tapswitch {

class PortQuota {
 public:
  static constexpr size_t kMost = 64;

  // Returns ResourceExhausted if `user` has that many already, and the request would add another
  // one. `params` are those of port.add.
  [[nodiscard]] absl::Status Check(uid_t user, const nlohmann::json& params,
                                   const BridgeConfig& config);

  // Counts the port of a request that has succeeded.
  void Record(uid_t user, const nlohmann::json& params);

 private:
  std::map<std::string, uid_t> owners_;  // users by port name; some of the ports may be gone
};

}  // namespace tapswitch
