// The commands `reach` and `why`: who reaches whom, and why not. What is drawn is pure.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "switch/control/client/control_connection.h"

namespace tapswitch {

// Returns a matrix of ports of an answer to `reach`, and a line for each no with its reason.
[[nodiscard]] std::string RenderReach(const nlohmann::ordered_json& pairs);

// Returns a line for each pair that is otherwise in `now` than in `before`.
[[nodiscard]] std::string RenderReachDifference(const nlohmann::ordered_json& before,
                                                const nlohmann::ordered_json& now);

// Reads an answer to `reach` from a file. InvalidArgument if it is none.
[[nodiscard]] absl::StatusOr<nlohmann::ordered_json> ReadReach(const std::string& file);

// Asks the switch about two hosts and returns the answer for people. A host is a MAC address, an IP
// address that the switch knows, or a port. InvalidArgument unless there are two.
[[nodiscard]] absl::StatusOr<std::string> ExplainHosts(ControlConnection& connection,
                                                       const std::vector<std::string>& hosts);

}  // namespace tapswitch
