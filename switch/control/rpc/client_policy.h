// Restricts requests of control clients that have fewer rights than the switch itself.
//
// Members of the control group may control the switch, but are not root. Ports are opened with the
// rights of the switch, so such clients cannot name files, namespaces, owners or modes in a port's
// text, nor sockets of guests. The only exception is a file in the switch's own folder. They may
// neither have it make interfaces and sockets of the machine's, nor end it. Only this class judges
// it; a method, or a key of a port, that it does not list is refused to these clients.

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
  // `daemon` is the user that the switch was started as, before --user took effect. `folder` holds
  // the control sockets.
  ClientPolicy(uid_t daemon, std::string folder) : daemon_(daemon), folder_(std::move(folder)) {}

  // Makes the policy of this process. Call it before privileges are dropped.
  [[nodiscard]] static ClientPolicy OfProcess();

  // Whether the peer is root or the user that started the switch, who can do the same by other
  // means. The user of --user is neither.
  [[nodiscard]] bool IsTrusted(const ControlPeer& peer) const;

  // Whether the method is listed here. Each one has to be.
  [[nodiscard]] static bool Judges(std::string_view method);

  // Returns PermissionDenied, with the key and the cure, if this client may not make the request.
  // Called before the method, which exists. Malformed requests pass, because it refuses them.
  [[nodiscard]] absl::Status Check(const ControlPeer& peer, std::string_view method,
                                   const nlohmann::json& params) const;

 private:
  [[nodiscard]] absl::Status CheckPort(const nlohmann::json& params) const;
  [[nodiscard]] absl::Status CheckGuest(const nlohmann::json& params) const;
  [[nodiscard]] absl::Status CheckPortText(const PortSpec& spec) const;
  [[nodiscard]] absl::Status CheckOption(const PortSpec& spec, const PortOption& option) const;
  [[nodiscard]] bool IsInFolder(std::string_view path) const;

  uid_t daemon_;
  std::string folder_;
};

}  // namespace tapswitch
