// The options of tapctl, which stand in front of a command.

#pragma once

#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "switch/control/client/control_connection.h"
#include "tools/tapctl/render/render.h"

namespace tapswitch {

struct Options {
  OutputOptions output;
  std::optional<std::string> bridge;                  // -B
  std::optional<std::string> batch_file;              // -batch
  int timeout = ControlConnection::kPatienceSeconds;  // -timeout, in seconds
  bool force = false;
  bool bad_colour = false;  // -color with a word that is none of its own
  bool help = false;
  bool version = false;
};

// Parses the options at the front of `words`, and leaves the command in it. InvalidArgument names
// an option that is unknown, lacks its value, or has a bad one.
[[nodiscard]] absl::StatusOr<Options> TakeOptions(std::span<const std::string>& words);

}  // namespace tapswitch
