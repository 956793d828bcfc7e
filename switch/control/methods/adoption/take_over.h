// Takes over a bridge of the kernel, and gives it back.
//
// The bridge device stays, with its name, addresses, routes and settings: a TAP of the switch
// becomes its only port, in place of the ports that the switch takes. So the host goes on as
// before, and so do programs that know the device by its name or index; interfaces that become
// ports of it later reach the switch by that TAP.
//
// The order, which tests hold it to: all ports are opened while the bridge still forwards
// (switchover.h); then all change sides at one moment; then the TAP comes up, and the interfaces
// leave the bridge. None of them goes down or loses its carrier.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switch/control/methods/method.h"

namespace tapswitch {

struct Adopted {
  std::vector<std::string> commands;  // that make the switch like the bridge
  std::vector<std::string> lost;      // what is not kept, a line each
  std::vector<std::string> refused;   // what is in the way; only of a dry run
};

// Takes over the bridge `name` of the switch's own network namespace. After an error the bridge is
// as it was. A dry run changes nothing.
[[nodiscard]] absl::StatusOr<Adopted> TakeOver(const MethodContext& context, std::string_view name,
                                               bool dry_run);

// Gives back what was taken over. Returns lines about what could not be given back; of a dry run,
// lines about what would be done. After an error it can be called again.
[[nodiscard]] absl::StatusOr<std::vector<std::string>> Release(const MethodContext& context,
                                                               bool dry_run);

}  // namespace tapswitch
