// The command `wait`: returns when the switch, or a port of it, is as it is wanted.

#pragma once

#include <functional>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/control/client/control_connection.h"

namespace tapswitch {

// Connects to the switch that the user means.
using Connector = std::function<absl::StatusOr<ControlConnection>()>;

// Asks again and again until the switch answers, and until the port `port` is up, or down, if the
// parameters name one. DeadlineExceeded after `timeout` says what is not so yet. InvalidArgument if
// the parameters make no sense.
[[nodiscard]] absl::Status RunWait(const Connector& connect, const nlohmann::json& params);

}  // namespace tapswitch
