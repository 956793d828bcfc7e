// The command line of the helper, which is that of qemu-bridge-helper.

#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tapswitch {

struct HelperArguments {
  std::string bridge;     // a valid name of a bridge
  int fd = -1;            // the Unix socket that the TAP is sent through
  bool use_vnet = false;  // whether frames have virtio-net headers
  bool help = false;      // help is asked for; the others are ignored then
  bool version = false;
};

// Parses the arguments behind the program's name. InvalidArgument names the one that is wrong.
[[nodiscard]] absl::StatusOr<HelperArguments> ParseHelperArguments(
    std::span<const std::string_view> arguments);

}  // namespace tapswitch
