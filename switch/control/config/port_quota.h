// How many ports one user may have at a time, of those that go with their interface.
//
// tapswitch-qemu-helper asks for them in the name of whoever starts it. Without a limit one user
// could have all that the switch has room for.

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

  // ResourceExhausted when `user` has that many already, and the request would add another one.
  // `params` are those of port.add.
  [[nodiscard]] absl::Status Check(uid_t user, const nlohmann::json& params,
                                   const BridgeConfig& config);

  // The request has been carried out.
  void Record(uid_t user, const nlohmann::json& params);

 private:
  std::map<std::string, uid_t> owners_;  // by the name of the port; some may have gone
};

}  // namespace tapswitch
