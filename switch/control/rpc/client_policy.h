// What clients of the control socket may ask for that are not as powerful as the switch itself.
//
// The control group may run the switch, but is not root. Ports are opened with the rights of the
// switch, so such clients cannot name files, namespaces, owners or modes in a port's text: a file
// is to be in the switch's own folder, and all else is left out. This is the only place that judges
// it; a key of a port that is not listed there is not for them.

#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "ports/port_spec.h"
#include "switch/control/rpc/client.h"

namespace tapswitch {

class ClientPolicy {
 public:
  // `daemon`: the user that the switch was started as, before --user took effect. `folder`: where
  // control sockets are.
  ClientPolicy(uid_t daemon, std::string folder) : daemon_(daemon), folder_(std::move(folder)) {}

  // Made before privileges are given up.
  [[nodiscard]] static ClientPolicy OfProcess();

  // Root, or whoever started the switch: who can do by other means what the switch can do. The user
  // of --user is neither.
  [[nodiscard]] bool IsTrusted(const ControlPeer& peer) const;

  // PermissionDenied, with the key and the cure, when the request is not for this client. Requests
  // that make no sense are for their method to refuse. Asked before the method is called.
  [[nodiscard]] absl::Status Check(const ControlPeer& peer, std::string_view method,
                                   const nlohmann::json& params) const;

 private:
  [[nodiscard]] absl::Status CheckPortText(const PortSpec& spec) const;
  [[nodiscard]] absl::Status CheckOption(const PortSpec& spec, const PortOption& option) const;
  [[nodiscard]] bool IsInFolder(std::string_view path) const;

  uid_t daemon_;
  std::string folder_;
};

}  // namespace tapswitch
