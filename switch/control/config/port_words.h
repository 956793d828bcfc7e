// Sets the settings of a port that `port add` and `port set` take: those of `link set`, `vlan add`,
// `storm set` and `security set`, the stations that may send, and a description. A port that is
// added with them is never open without them.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/control/config/port_settings.h"

namespace tapswitch {

// Sets the setting `name`. InvalidArgument if there is no such setting, or if it cannot have the
// value.
//
// `vlan` is an array of {"vid": "VID[-VID][,...]", "pvid"?: true, "untagged"?: true}: all VLANs
// that the port is a member of. The default PVID is only one of them if it is listed; a vid of
// "none" means none. `allow` is an array of stations, all that may send. `recovery` is that of
// storm control and of security.
[[nodiscard]] absl::Status SetPortWord(std::string_view name, const nlohmann::json& value,
                                       PortSettings& settings);

// Sets all members of `words`, an object, and checks what they make. `settings` is as before if
// there is an error.
[[nodiscard]] absl::Status SetPortWords(const nlohmann::json& words, PortSettings& settings);

// Returns the words behind `port add PORT` that set `settings`, of a port that is in the VLANs
// `initial` at first. Not among them are exceptions of VLANs, and the recovery of security if it is
// not that of storm control.
[[nodiscard]] std::string PortWordsOf(const PortSettings& settings, const PortVlans& initial);

// Checks a description: up to 255 bytes of printable UTF-8.
[[nodiscard]] absl::Status CheckDescription(std::string_view text);

}  // namespace tapswitch
