// The options in front of a command.

#pragma once

#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "tools/tapctl/render.h"

namespace tapswitch {

struct Options {
  OutputOptions output;
  std::optional<std::string> bridge;      // -B
  std::optional<std::string> batch_file;  // -batch
  bool force = false;
  bool help = false;
  bool version = false;
};

// Takes the options from the front of `words`, which is left with the command. InvalidArgument names
// one that is unknown or lacks its value.
[[nodiscard]] absl::StatusOr<Options> TakeOptions(std::span<const std::string>& words);

}  // namespace tapswitch
